import type { Random } from '../faults/random.ts'
import { type Cast, type Fault, faults } from './faults/index.ts'

/** A fault with its hour. */
export interface Scene {
  readonly fault: Fault
  readonly target: number
  /** From the beginning of the run, in milliseconds. */
  readonly beginsAt: number
  readonly endsAt: number
}

const firstAtMs = 500
const pauseMs = [300, 2_000] as const
/** What was broken works for so long, at least, before it breaks again. */
const respiteMs = 1_500

/**
 * Which faults come, when, and upon whom: decided by the random numbers alone. Each kind comes before any comes again, and
 * what one has broken is whole for a while before the next one breaks it; otherwise they overlap as they like.
 */
export function writeScript(random: Random, cast: Cast, lengthMs: number): Scene[] {
  const scenes: Scene[] = []
  const freeAt = new Map<string, number>()
  let bag: Fault[] = []
  for (let at = firstAtMs; at < lengthMs; at += random.between(...pauseMs)) {
    if (bag.length === 0) bag = faults.filter(({ targets }) => targets(cast) > 0)
    const [fault] = bag.splice(random.between(0, bag.length), 1)
    if (!fault) break
    const target = random.between(0, fault.targets(cast))
    const endsAt = Math.min(lengthMs, at + random.between(...fault.lasts))
    const resource = fault.resource(target)
    // It has its turn when what it breaks is whole.
    if ((freeAt.get(resource) ?? 0) > at) bag.push(fault)
    else {
      scenes.push({ fault, target, beginsAt: at, endsAt })
      freeAt.set(resource, endsAt + respiteMs)
    }
  }
  return scenes
}
