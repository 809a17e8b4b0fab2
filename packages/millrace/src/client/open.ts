import { fail, isOthers, reset, signOut, takeToken, toPosition } from './attempt.ts'
import type { Frame } from './frames.ts'
import { noConnection, type State, type Step, step, then } from './state.ts'
import type { Token } from './token.ts'
import { heartbeat, limits, pauseAfter, soon } from './waits.ts'

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
      return then(heard(state), (next) => send({ ...next, isAuthenticating: false }))
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

/** Asks the program for another token, once at a time. */
export function askAgain(state: State): Step {
  if (state.isAsking) return step({ ...state, isTokenDue: true })
  return step(
    { ...state, isAsking: true, isTokenDue: false },
    { type: 'ask' },
    { type: 'wait', timer: 'renewal', range: limits.ask },
  )
}

/** The program has answered. What it was asked for meanwhile it is asked a little later, however often. */
export function tokenRenewed(state: State, token: Token | undefined): Step {
  if (!state.isAsking) return step(state)
  const { isTokenDue } = state
  const next: State = { ...state, isAsking: false, isTokenDue: false, tokenFailures: 0 }
  if (!token && !isTokenDue) return signOut(next)
  if (token && isOthers(state, token)) {
    const apart = step({ ...next, ...noConnection, isTokenDue }, { type: 'drop' })
    return then(
      then(apart, (dropped) => takeToken(dropped, token)),
      toPosition,
    )
  }
  const renewed = token ? then(takeToken(next, token), send) : step(next)
  if (!isTokenDue) return renewed
  return then(renewed, (sent) => step(sent, { type: 'wait', timer: 'renewal', range: soon }))
}

/** The program could not answer: it is asked again, with a back-off. */
export function tokenNotRenewed(state: State): Step {
  if (!state.isAsking) return step(state)
  const tokenFailures = state.tokenFailures + 1
  const range = pauseAfter(tokenFailures + 1)
  return step({ ...state, isAsking: false, tokenFailures }, { type: 'wait', timer: 'renewal', range })
}

/** Sends the token where it is another one; the server takes one at a time. */
function send(state: State): Step {
  const token = state.token?.text
  if (state.isAuthenticating || token === undefined || token === state.sent) return step(state)
  return step({ ...state, sent: token, isAuthenticating: true }, { type: 'send', frame: { type: 'auth', token } })
}
