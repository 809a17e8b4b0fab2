/** Random numbers that a seed repeats. */
export interface Random {
  readonly seed: number
  /** From 0, below 1. */
  next(): number
  /** A whole number from `low`, below `high`. */
  between(low: number, high: number): number
}

/** Random numbers of a new seed, or of the one in the environment's SEED; it is printed, so that a run can be repeated. */
export function seededRandom(what: string): Random {
  const seed = Number(process.env['SEED'] ?? Math.floor(Math.random() * 2 ** 32)) >>> 0
  process.stdout.write(`${what}: SEED=${seed}\n`)
  return randomOf(seed)
}

/** Random numbers of a seed: mulberry32. */
export function randomOf(seed: number): Random {
  let state = seed
  const next = () => {
    state = (state + 0x6d2b79f5) | 0
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state)
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32
  }
  return { seed, next, between: (low, high) => low + Math.floor(next() * (high - low)) }
}
