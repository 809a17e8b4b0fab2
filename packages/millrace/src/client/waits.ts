/** How long to wait: a random time in between, so that many clients do not come at once. */
export interface Range {
  readonly least: number
  readonly most: number
}

const second = 1_000
const longestPause = 30 * second
/** Of a token that is good for longer, it is asked now and then whether there is another one. */
const longestRenewal = 24 * 60 * 60 * second

/** How long each step may take. */
export const limits = {
  /** Until the program has a token. */
  ask: exactly(15 * second),
  load: exactly(60 * second),
  /** Until the server greets: it takes 10 s at most to tell whose a token is. */
  connect: exactly(20 * second),
  /** Until something comes after a ping. */
  answer: exactly(10 * second),
} as const

/** How often an open connection is asked whether it lives. */
export const heartbeat = exactly(25 * second)
/** A connection that has been there for so long was not in vain: the next pause is short again. */
export const steady = exactly(10 * second)
/** Before it is asked again for a token that may have come meanwhile. */
export const soon: Range = { least: 0.5 * second, most: second }

/** The pause before the next attempt, by how many have failed: full jitter. */
export function pauseAfter(failures: number): Range {
  return { least: 0, most: Math.min(longestPause, second * 2 ** failures) }
}

/** The pause where the server has asked for time. */
export function longPauseAfter(failures: number): Range {
  return { least: 5 * second, most: Math.max(10 * second, pauseAfter(failures).most) }
}

/** When to ask for another token: a little before this one expires. */
export function renewalOf(leftMs: number): Range {
  const before = (share: number, mostMs: number) =>
    Math.min(longestRenewal, Math.max(second, leftMs - Math.min(leftMs * share, mostMs)))
  return { least: before(0.2, 120 * second), most: before(0.1, 60 * second) }
}

function exactly(ms: number): Range {
  return { least: ms, most: ms }
}
