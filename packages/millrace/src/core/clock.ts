/** Where the time comes from. The database's clock rules for what is stored; this one is for the process itself. */
export interface Clock {
  now(): Date
}

/** The machine's clock. */
export const systemClock: Clock = { now: () => new Date() }
