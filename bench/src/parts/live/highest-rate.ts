/** A rate that was tried. */
export interface Tried {
  readonly perSecond: number
  readonly isKeptUp: boolean
  /** Not kept up, but almost: something else may have been going on. */
  readonly isClose: boolean
}

/** Which rates are tried. */
export interface RateRange {
  readonly from: number
  readonly upTo: number
}

/** After the doublings, the range between the last rate that was kept up and the first that was not is halved so often. */
const halvings = 3
/** So often a rate is tried that was almost kept up. */
const attempts = 3

/**
 * Looks for the highest rate that is kept up: doubles the rate until one is not, then comes closer, to a tenth. Answers the
 * result at that rate, or at the lowest where not even that was kept up.
 */
export async function highestRate<Result extends Tried>(
  attempt: (perSecond: number) => Promise<Result>,
  { from, upTo }: RateRange,
): Promise<Result> {
  let best = await attemptAgain(attempt, from)
  if (!best.isKeptUp) return best
  let tooHigh: number | undefined
  while (tooHigh === undefined && best.perSecond < upTo) {
    const next: Result = await attemptAgain(attempt, Math.min(upTo, best.perSecond * 2))
    if (next.isKeptUp) best = next
    else tooHigh = next.perSecond
  }
  for (let halving = 0; halving < halvings && tooHigh !== undefined; halving += 1) {
    const next: Result = await attemptAgain(attempt, Math.round(Math.sqrt(best.perSecond * tooHigh)))
    if (next.isKeptUp) best = next
    else tooHigh = next.perSecond
  }
  return best
}

async function attemptAgain<Result extends Tried>(
  attempt: (perSecond: number) => Promise<Result>,
  perSecond: number,
): Promise<Result> {
  let result = await attempt(perSecond)
  for (let nth = 1; nth < attempts && result.isClose; nth += 1) result = await attempt(perSecond)
  return result
}
