import type { ClientFrame, Frame } from './frames.ts'
import type { LiveStatus } from './live-client.ts'
import type { Token } from './token.ts'
import type { Range } from './waits.ts'

/**
 * Where a connection is.
 *
 *     idle ──▶ asking ──▶ (loading) ──▶ connecting ──▶ open
 *                ▲  for a token            for `connected`│
 *                └───────────── waiting ◀── whatever fails ┘
 *
 * Whatever fails in any step leads to `waiting`, from where all of it is tried again. Nobody is signed in: `signed-out`,
 * which `renew` alone leads out of. Nothing leads out of `closed`.
 */
export type Phase = 'idle' | 'asking' | 'loading' | 'connecting' | 'open' | 'waiting' | 'signed-out' | 'closed'

/**
 * - `step`: the end of what is under way in this phase; in `open`, the next ping, or the end of waiting for its answer
 * - `steady`: the connection has been there for a while
 * - `renewal`: another token is due; while one is being asked for in `open`, the end of that
 */
export type Timer = 'step' | 'steady' | 'renewal'

/** All that a connection knows; never changed, but replaced. */
export interface State {
  readonly phase: Phase
  /** Whether data is loaded where there is no position. */
  readonly loads: boolean
  /** Where what was handed over ends. */
  readonly at: string | undefined
  /** The positions of the last messages that were handed over. */
  readonly recent: readonly string[]
  /** Where the server went on from although it was asked for `at`: it has to say `reset` next. */
  readonly elsewhere: string | undefined
  /** Why the listener has to load everything anew as soon as there is a connection. */
  readonly resetDue: string | undefined
  /** Attempts that failed since there was a connection for a while. */
  readonly failures: number
  /** The last token that was given; the last that was sent; the last of the user whose position `at` is. */
  readonly token: Token | undefined
  readonly sent: Token | undefined
  readonly owner: Token | undefined
  /** How often, one after the other, asking for a token on the open connection was not the end of it. */
  readonly tokenFailures: number
  /** Another token is to be asked for, as there may be one by now. */
  readonly isTokenDue: boolean
  /** A token is being asked for on the open connection. */
  readonly isAsking: boolean
  /** A token has been sent on the open connection, and not been answered. */
  readonly isAuthenticating: boolean
  /** The server has refused a token, and no connection has lasted since. */
  readonly isRefused: boolean
  /** The last token that was refused for itself, not for being another user's. */
  readonly refused: string | undefined
  /** Somebody else may have signed in since the owner's token was given. */
  readonly isUserUnsure: boolean
  /** A ping has not been answered. */
  readonly isPinged: boolean
  /** What the browser says. */
  readonly isOffline: boolean
  readonly wasOpen: boolean
}

/** What happens to a connection. */
export type Input =
  /** Somebody wants it; nobody does, for now; never again. */
  | { readonly type: 'start'; readonly isOnline: boolean; readonly isRenewed: boolean }
  | { readonly type: 'rest' }
  | { readonly type: 'close' }
  | { readonly type: 'renew' }
  /** The data is to be loaded anew: it is wanted, or a message could not be applied to it. */
  | { readonly type: 'reload' }
  | { readonly type: 'broken' }
  /** The program has answered with a token, or that nobody is signed in; or it could not. */
  | { readonly type: 'token'; readonly token: Token | undefined }
  | { readonly type: 'no-token'; readonly error: unknown }
  | { readonly type: 'loaded'; readonly at: string }
  | { readonly type: 'not-loaded'; readonly error: unknown }
  /** There can be no socket at all. */
  | { readonly type: 'unconnected'; readonly error: unknown }
  | { readonly type: 'frame'; readonly frame: Frame }
  | { readonly type: 'ended'; readonly code: number }
  | { readonly type: 'timer'; readonly timer: Timer }
  | { readonly type: 'online' }
  | { readonly type: 'offline' }
  | { readonly type: 'visible' }

/** What is to be done about it, in this order. */
export type Effect =
  /** Whatever is under way is given up: the socket, the load, the question for a token, all timers. */
  | { readonly type: 'drop' }
  /** The answer to an earlier question does not count any more. */
  | { readonly type: 'ask'; readonly refused: string | undefined }
  | { readonly type: 'load' }
  | { readonly type: 'connect'; readonly token: string; readonly resume: string | undefined }
  | { readonly type: 'send'; readonly frame: ClientFrame }
  /** Sets a timer, instead of the one that there may be. */
  | { readonly type: 'wait'; readonly timer: Timer; readonly range: Range }
  | { readonly type: 'clear'; readonly timer: Timer }
  /** The frame is taken once more, when all else has been done. */
  | { readonly type: 'again'; readonly frame: Frame }
  /** For the listener. */
  | { readonly type: 'message'; readonly message: unknown }
  | { readonly type: 'reset'; readonly reason: string }
  /** What there is belongs to another user. */
  | { readonly type: 'forget' }
  | { readonly type: 'problem'; readonly error: unknown }

/** What an input leads to. */
export interface Step {
  readonly state: State
  readonly effects: readonly Effect[]
}

/** A connection that nobody wants yet. */
export function initialState({ loads, at }: { readonly loads: boolean; readonly at?: string | undefined }): State {
  return {
    ...{ phase: 'idle', loads, at, recent: [], resetDue: undefined, failures: 0 },
    ...{ token: undefined, sent: undefined, owner: undefined, refused: undefined },
    ...{ isTokenDue: false, isRefused: false, isUserUnsure: false, isOffline: false, wasOpen: false },
    ...noConnection,
  }
}

/** What is over with a connection. */
export const noConnection = {
  elsewhere: undefined,
  tokenFailures: 0,
  isAsking: false,
  isAuthenticating: false,
  isPinged: false,
} as const satisfies Partial<State>

/** What the user is told. */
export function statusOf({ phase, isOffline, isPinged, wasOpen }: State): LiveStatus {
  if (phase === 'closed' || phase === 'signed-out') return phase
  // A browser that says so may be wrong: whoever is answered is online.
  if (phase === 'open') return isOffline && isPinged ? 'offline' : 'live'
  if (isOffline && phase !== 'idle') return 'offline'
  return wasOpen ? 'reconnecting' : 'connecting'
}

/** A step to a state. */
export function step(state: State, ...effects: readonly Effect[]): Step {
  return { state, effects }
}

/** Both steps, one after the other. */
export function then({ state, effects }: Step, next: (state: State) => Step): Step {
  const more = next(state)
  return { state: more.state, effects: [...effects, ...more.effects] }
}
