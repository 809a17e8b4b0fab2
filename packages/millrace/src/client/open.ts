import { fail, goOnWith, isOthers, keepToken, reset, signOut } from './attempt.ts'
import type { Frame } from './frames.ts'
import { noConnection, type State, type Step, step, then } from './state.ts'
import type { Token } from './token.ts'
import { heartbeat, limits, pauseAfter } from './waits.ts'

/** So many messages are known again, should the server repeat itself. */
const mostRecent = 50

/** Something has come on the open connection. */
export function received(state: State, frame: Frame): Step {
  switch (frame.type) {
    case 'update':
      return then(heard(state), (next) => handOver(next, frame))
    case 'pong': {
      const next: State = { ...state, at: frame.at ?? state.at, isPinged: false }
      return step(next, { type: 'wait', timer: 'step', range: heartbeat })
    }
    case 'authenticated':
      return then(heard(state), (next) => send({ ...next, isAuthenticating: false, owner: next.sent }))
    case 'reset':
      return then(heard(state), (next) => reset(next, frame))
    case 'connected':
      return fail(state)
  }
}

function handOver(state: State, { at, message }: Frame & { type: 'update' }): Step {
  if (state.recent.includes(at)) return step(state)
  const recent = [...state.recent.slice(1 - mostRecent), at]
  return step({ ...state, at, recent }, { type: 'message', message })
}

/** Whoever is asked and sends something else first lives: the answer is behind it. */
function heard(state: State): Step {
  return state.isPinged ? step(state, { type: 'wait', timer: 'step', range: limits.answer }) : step(state)
}

/** Asks whether the connection lives. */
export function ping(state: State): Step {
  if (state.isPinged) return step(state)
  return step(
    { ...state, isPinged: true },
    { type: 'send', frame: { type: 'ping' } },
    { type: 'wait', timer: 'step', range: limits.answer },
  )
}

/** It is time for a ping, or too late for its answer. */
export function beat(state: State): Step {
  return state.isPinged ? fail(state) : ping(state)
}

/** The program has answered. What it was asked for meanwhile it is asked a little later. */
export function tokenRenewed(state: State, token: Token | undefined): Step {
  if (!state.isAsking) return step(state)
  const answered: State = { ...state, isAsking: false }
  if (!token && !state.isTokenDue) return signOut(answered)
  if (token && isOthers(state, token)) return changeUser(answered, token)
  const renewed = token ? then(keepToken(answered, token), send) : step(answered)
  return then(renewed, (next) => (next.isTokenDue ? askLater(next) : step({ ...next, tokenFailures: 0 })))
}

/** The program could not answer. */
export function tokenNotRenewed(state: State): Step {
  return state.isAsking ? askLater({ ...state, isAsking: false }) : step(state)
}

/** With a back-off, so that a program whose answer is the reason to ask again is not asked for ever. */
function askLater(state: State): Step {
  const tokenFailures = state.tokenFailures + 1
  return step(
    { ...state, isTokenDue: true, tokenFailures },
    { type: 'wait', timer: 'renewal', range: pauseAfter(tokenFailures) },
  )
}

function changeUser(state: State, token: Token): Step {
  const apart = step({ ...state, ...noConnection }, { type: 'drop' })
  return then(apart, (next) => goOnWith(next, token))
}

/** Sends the token where it is another one; the server takes one at a time, and says whether it is the same user's. */
function send(state: State): Step {
  const { token, sent, isAuthenticating } = state
  if (isAuthenticating || !token) return step(state)
  // The same user, unless the program is being asked again.
  if (token.text === sent?.text) return step({ ...state, isUserUnsure: state.isAsking || state.isTokenDue })
  const next: State = { ...state, sent: token, isAuthenticating: true, isUserUnsure: true }
  return step(next, { type: 'send', frame: { type: 'auth', token: token.text } })
}
