import type { Frame } from './frames.ts'
import { type Effect, noConnection, type State, type Step, step, then } from './state.ts'
import type { Token } from './token.ts'
import { heartbeat, limits, longPauseAfter, pauseAfter, type Range, renewalOf, soon, steady } from './waits.ts'

const notUnderstood = 'the server does not understand this client, and ended its connection for good (4400)'
const drop: Effect = { type: 'drop' }

/** Begins an attempt with its first step: a token. */
export function begin(state: State): Step {
  const next: State = { ...state, ...noConnection, phase: 'asking', isTokenDue: false }
  return step(next, drop, { type: 'ask', refused: state.refused }, stepWithin(limits.ask))
}

/** Gives up an attempt or a connection, and begins the next after a pause. */
export function fail(state: State, pause: Range = pauseAfter(state.failures)): Step {
  const next: State = { ...state, ...noConnection, phase: 'waiting', failures: state.failures + 1 }
  return step(next, drop, stepWithin(pause))
}

/** The same, and says why. */
export function failFor(state: State, error: unknown): Step {
  return then(fail(state), (next) => step(next, { type: 'problem', error }))
}

/** Nothing more until somebody signs in. */
export function signOut(state: State): Step {
  return step({ ...state, ...noConnection, phase: 'signed-out', isUserUnsure: true }, drop)
}

/** Ends for good, or for now. */
export function end(state: State, phase: 'closed' | 'idle'): Step {
  return step({ ...state, ...noConnection, phase }, drop)
}

/** The program has answered the attempt's question. */
export function tokenGiven(state: State, token: Token | undefined): Step {
  // It may have been asked before the user signed in.
  if (!token) return state.isTokenDue ? fail(state, soon) : signOut(state)
  return goOnWith(state, token)
}

/** Goes on with a token to a connection; with another user's from the beginning. */
export function goOnWith(state: State, token: Token): Step {
  const own = isOthers(state, token) ? forget(state) : step(state)
  const kept = then(own, (next) => keepToken(next, token))
  return then(kept, (next) => toPosition({ ...next, owner: token, isUserUnsure: next.isTokenDue }))
}

/**
 * Whether a token is another user's than what there is. Where tokens do not say whose they are, it is the server that knows
 * on an open connection; without one, whoever may be another is taken for one.
 */
export function isOthers({ owner, isUserUnsure, phase }: State, { text, user }: Token): boolean {
  if (!owner || owner.text === text) return false
  return owner.user !== user || (user === undefined && isUserUnsure && phase !== 'open')
}

/** What there is belongs to somebody else. */
function forget(state: State): Step {
  const resetDue = state.at !== undefined && !state.loads ? 'user' : state.resetDue
  return step({ ...withoutPosition(state), resetDue }, { type: 'forget' })
}

/** Keeps a token until another one is due. */
export function keepToken(state: State, token: Token): Step {
  const renewal: Effect =
    token.leftMs === undefined
      ? { type: 'clear', timer: 'renewal' }
      : { type: 'wait', timer: 'renewal', range: renewalOf(token.leftMs) }
  return step({ ...state, token }, renewal)
}

/** Goes on to the place that updates are wanted from. */
function toPosition(state: State): Step {
  if (state.loads && state.at === undefined) {
    return step({ ...state, phase: 'loading' }, { type: 'load' }, stepWithin(limits.load))
  }
  return connect(state)
}

/** Data has been loaded: goes on from there. */
export function loaded(state: State, at: string): Step {
  return connect({ ...state, at, recent: [] })
}

function connect(state: State): Step {
  const { token: sent, at: resume } = state
  return step(
    { ...state, phase: 'connecting', sent },
    { type: 'connect', token: sent?.text ?? '', resume },
    stepWithin(limits.connect),
  )
}

/**
 * The first frames. Whoever asked for a position is greeted with it, or told to load everything anew; a server that does
 * neither went on from elsewhere, and nobody knows what lies between.
 */
export function greeted(state: State, frame: Frame): Step {
  const { at, elsewhere } = state
  if (elsewhere !== undefined) {
    if (frame.type === 'reset') return then(opened(state), (next) => reset(next, frame))
    return then(opened(state), (next) => reset(next, { at: elsewhere, reason: 'gap' }))
  }
  if (frame.type !== 'connected') return fail(state)
  if (at === undefined || frame.at === at) return opened({ ...state, at: frame.at })
  // The answer comes behind the reset, where there is one.
  return step({ ...state, elsewhere: frame.at }, { type: 'send', frame: { type: 'ping' } })
}

function opened(state: State): Step {
  const { resetDue: reason } = state
  const open = step(
    { ...state, phase: 'open', wasOpen: true, elsewhere: undefined, resetDue: undefined },
    stepWithin(heartbeat),
    { type: 'wait', timer: 'steady', range: steady },
    ...(reason === undefined ? [] : [{ type: 'reset', reason } as const]),
  )
  return state.isTokenDue ? then(open, askAgain) : open
}

/** Asks the program for another token on the open connection, once at a time. */
export function askAgain(state: State): Step {
  if (state.isAsking) return step({ ...state, isTokenDue: true })
  return step(
    { ...state, isAsking: true, isTokenDue: false },
    { type: 'ask', refused: state.refused },
    { type: 'wait', timer: 'renewal', range: limits.ask },
  )
}

/** What was missed is not known: everything is to be loaded anew. */
export function reset(state: State, { at, reason }: { readonly at: string; readonly reason: string }): Step {
  if (state.loads) return loadAnew(state)
  return step({ ...state, at, recent: [] }, { type: 'reset', reason })
}

/** At once the first time; where that leads to nothing, after a pause. */
function loadAnew(state: State): Step {
  const forgetful = withoutPosition(state)
  return state.failures === 0 ? begin({ ...forgetful, failures: 1 }) : fail(forgetful)
}

/** The next attempt loads. */
export function withoutPosition(state: State): State {
  return { ...state, at: undefined, recent: [] }
}

/** The connection has ended: what the codes mean is in docs/live.md. */
export function ended(state: State, code: number): Step {
  switch (code) {
    case 4400:
      return then(end(state, 'closed'), (next) => step(next, { type: 'problem', error: new Error(notUnderstood) }))
    case 4401:
      return refused(state)
    case 1013:
    case 4429:
      return fail(state, longPauseAfter(state.failures))
    default:
      return fail(state)
  }
}

/** Another token is tried once; one that was sent on the open connection is good, but may be another user's. */
function refused(state: State): Step {
  if (state.isAuthenticating) return begin({ ...state, isRefused: true })
  const next = { ...state, refused: state.sent?.text }
  if (!state.isRefused) return begin({ ...next, isRefused: true })
  return state.isTokenDue ? fail(next) : signOut(next)
}

function stepWithin(range: Range): Effect {
  return { type: 'wait', timer: 'step', range }
}
