import { type Change, changeModules } from '../chaos/sabotage.ts'

/** Ways to break what live updates promise, each of which the run must find. */
export const liveSabotages = {
  /** The server leaves an update out now and then. */
  'server-skips': [
    {
      module: 'live/tail.ts',
      fragment: 'if (entry.update) updates.push(entry.update)',
      instead: 'if (entry.update && entry.offset % 97 !== 0) updates.push(entry.update)',
    },
  ],
  /** The server gives clients that come again one update less than they missed. */
  'server-resumes-late': [
    {
      module: 'live/client.ts',
      fragment: 'let next = history.firstAfter(this.stream, token.offset)',
      instead: 'let next = history.firstAfter(this.stream, token.offset)?.next',
    },
  ],
  /** The client's position moves before a message is handed over, which is lost with its connection. */
  'client-hurries': [
    {
      module: 'client/connection.ts',
      fragment: "if (effect.type === 'message') listener.message(effect.message)",
      instead: `const socket = this.#socket
    if (effect.type === 'message') setTimeout(() => socket === this.#socket && listener.message(effect.message), 200)`,
    },
  ],
  /** The client connects anew from now on. */
  'client-forgets': [
    {
      module: 'client/attempt.ts',
      fragment: 'at: resume } = state',
      instead: 'failures, at } = state, resume = failures > 0 ? undefined : at',
    },
    { module: 'client/attempt.ts', fragment: 'if (at === undefined || frame.at === at)', instead: 'if (at !== null)' },
  ],
} as const satisfies Record<string, readonly Change[]>

export type LiveSabotageName = keyof typeof liveSabotages

/** Breaks it in what this thread loads from now on. */
export function sabotageLive(name: LiveSabotageName): void {
  changeModules(`sabotage ${name}`, liveSabotages[name])
}
