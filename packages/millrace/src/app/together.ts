import type { Part } from '../core/lifecycle.ts'

/** Parts that start and stop at the same time: a slow one keeps the others neither waiting nor working. */
export function together(name: string, parts: readonly Part[]): Part {
  return {
    name,
    stopWithin: '15s',
    start: async () => {
      // All come to an end before one that failed is told of: they can be stopped then.
      const started = await Promise.allSettled(parts.map(async (part) => part.start?.()))
      for (const outcome of started) if (outcome.status === 'rejected') throw outcome.reason
    },
    stop: async () => {
      await Promise.all(parts.map((part) => part.stop?.()))
    },
  }
}
