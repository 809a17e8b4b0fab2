import { askAgain, begin, end, ended, fail, failFor, greeted, loaded, tokenGiven, withoutPosition } from './attempt.ts'
import type { Frame } from './frames.ts'
import { beat, ping, received, tokenNotRenewed, tokenRenewed } from './open.ts'
import { type Input, type State, type Step, step, type Timer, then } from './state.ts'

/**
 * What happens to a live connection, and what is to be done about it: all there is to decide, without a socket or a clock.
 */
export function reduce(state: State, input: Input): Step {
  if (state.phase === 'closed') return step(state)
  switch (input.type) {
    case 'start':
      return state.phase === 'idle' ? start(state, input) : step(state)
    case 'rest':
      return end(state, 'idle')
    case 'close':
      return end(state, 'closed')
    case 'renew':
      return renew({ ...state, isUserUnsure: true })
    case 'reload':
      return reload(withoutPosition(state))
    case 'broken':
      return state.phase === 'open' ? fail(withoutPosition(state)) : step(state)
    case 'token':
      return state.phase === 'asking' ? tokenGiven(state, input.token) : tokenRenewed(state, input.token)
    case 'no-token':
      return state.phase === 'asking' ? failFor(state, input.error) : tokenNotRenewed(state)
    case 'loaded':
      return state.phase === 'loading' ? loaded(state, input.at) : step(state)
    case 'not-loaded':
      return state.phase === 'loading' ? failFor(state, input.error) : step(state)
    case 'unconnected':
      return state.phase === 'connecting' ? failFor(state, input.error) : step(state)
    case 'frame':
      return frame(state, input.frame)
    case 'ended':
      return isConnected(state) ? ended(state, input.code) : step(state)
    case 'timer':
      return timer(state, input.timer)
    case 'online':
      return online({ ...state, isOffline: false })
    case 'offline':
      return whenOpen({ ...state, isOffline: true }, ping)
    case 'visible':
      return state.phase === 'waiting' ? begin(state) : whenOpen(state, ping)
  }
}

function start(state: State, { isOnline, isRenewed }: Input & { type: 'start' }): Step {
  return begin({ ...state, isOffline: !isOnline, isUserUnsure: state.isUserUnsure || isRenewed })
}

function frame(state: State, frame: Frame): Step {
  if (state.phase === 'open') return received(state, frame)
  if (state.phase !== 'connecting') return step(state)
  const greeting = greeted(state, frame)
  // Behind a reset of our own, what has come is an update or a pong like any other.
  const isPending = state.elsewhere !== undefined && frame.type !== 'reset'
  return isPending ? then(greeting, (next) => step(next, { type: 'again', frame })) : greeting
}

function renew(state: State): Step {
  switch (state.phase) {
    case 'signed-out':
      return begin({ ...state, isRefused: false })
    case 'waiting':
      return begin(state)
    case 'open':
      return askAgain(state)
    // What is being loaded may be another user's than the token is.
    case 'loading':
      return fail(state)
    default:
      return step({ ...state, isTokenDue: state.phase !== 'idle' })
  }
}

function reload(state: State): Step {
  const isLater = state.phase === 'idle' || state.phase === 'signed-out' || state.phase === 'asking'
  return isLater ? step(state) : begin(state)
}

/** Whatever was begun without a network is begun anew. */
function online(state: State): Step {
  if (state.phase === 'idle' || state.phase === 'signed-out') return step(state)
  return state.phase === 'open' ? ping(state) : begin(state)
}

function timer(state: State, timer: Timer): Step {
  if (timer === 'steady') return step({ ...state, failures: 0, isRefused: false })
  if (timer === 'renewal') return renewalDue(state)
  if (state.phase === 'waiting') return begin(state)
  if (state.phase === 'open') return beat(state)
  return isConnected(state) ? fail(state) : tooLate(state)
}

function renewalDue(state: State): Step {
  if (state.phase !== 'open') return step({ ...state, isTokenDue: true })
  return state.isAsking ? tokenNotRenewed(state) : askAgain(state)
}

function tooLate(state: State): Step {
  const what = state.phase === 'loading' ? 'load()' : 'token()'
  return failFor(state, new Error(`${what} has not answered in time`))
}

function whenOpen(state: State, next: (state: State) => Step): Step {
  return state.phase === 'open' ? next(state) : step(state)
}

function isConnected({ phase }: State): boolean {
  return phase === 'connecting' || phase === 'open'
}
