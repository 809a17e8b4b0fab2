import type { Part } from '../core/lifecycle.ts'

/** Parts that start one after the other and stop at the same time: a slow one must not keep the others working. */
export function together(name: string, parts: readonly Part[]): Part {
  return {
    name,
    stopWithin: '15s',
    start: async () => {
      for (const part of parts) await part.start?.()
    },
    stop: async () => {
      await Promise.all(parts.map((part) => part.stop?.()))
    },
  }
}
