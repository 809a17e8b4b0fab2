import { readFile } from 'node:fs/promises'
import { describe, expect, test } from 'vitest'
import { changed, urlOf } from '../chaos/sabotage.ts'
import { fanouts } from './live-fanout.ts'
import { runLiveClients } from './live-run.ts'
import { type LiveSabotageName, liveSabotages } from './live-sabotage.ts'
import { LiveTally } from './live-tally.ts'
import { seededRandom } from './random.ts'

const seconds = Number(process.env['LIVE_SECONDS'] ?? 12)

describe.each(fanouts)('over $name,', (fanout) => {
  test(`500 clients of two processes, for ${seconds} s cut and killed at random: each is handed every update once, in order`, {
    timeout: 150_000 + seconds * 2_000,
  }, async () => {
    const random = seededRandom('live-client')
    const { live, handed, pushed, cut, restarts, ...found } = await runLiveClients({
      ...{ fanout, random, seconds },
      ...{ clients: 500, updatesPerSecond: 500 },
    })
    process.stdout.write(`live-client: ${pushed} updates, ${handed} handed over, ${cut} cut, ${restarts} restarts\n`)
    expect(found, `SEED=${random.seed}`).toEqual({ resets: 0, missing: 0, repeated: 0, misordered: 0 })
    expect(live).toBe(500)
    // It was a run of some weight.
    expect(pushed).toBeGreaterThan(seconds * 100)
    expect(handed).toBeGreaterThan(3 * pushed)
    expect(cut).toBeGreaterThan(seconds * 20)
    expect(restarts).toBeGreaterThan(0)
  })
})

describe.each(Object.entries(liveSabotages))('%s', (name, changes) => {
  test('is a change of what is there', async () => {
    for (const change of changes) {
      const text = await readFile(new URL(urlOf(change.module)), 'utf8')
      expect(changed(text, change)).toContain(change.instead)
    }
  })

  test('is found', { timeout: 120_000 }, async () => {
    const [fanout] = fanouts
    if (!fanout) throw new Error('there is none')
    const { missing } = await runLiveClients({
      ...{ fanout, random: seededRandom(name), seconds: 4, patienceMs: 2_000 },
      ...{ clients: 100, updatesPerSecond: 250, sabotage: name as LiveSabotageName },
    })
    expect(missing).toBeGreaterThan(0)
  })
})

test('a tally tells what is missing, repeated and out of order', () => {
  const of = (total: number, ...numbers: readonly (number | 'reset')[]) => {
    const tally = new LiveTally()
    for (const n of numbers) {
      if (n === 'reset') tally.reset()
      else tally.take(n)
    }
    return tally.findings(total)
  }
  const flawless = { resets: 0, missing: 0, repeated: 0, misordered: 0 }
  expect(of(3, 1, 2, 3)).toEqual({ ...flawless, handed: 3 })
  expect(of(4, 1, 2, 4)).toEqual({ ...flawless, handed: 3, missing: 1 })
  expect(of(4, 1, 2)).toEqual({ ...flawless, handed: 2, missing: 2 })
  expect(of(3, 1, 2, 2, 3)).toEqual({ ...flawless, handed: 4, repeated: 1 })
  expect(of(3, 1, 3, 2)).toEqual({ ...flawless, handed: 3, misordered: 1 })
  expect(of(9, 1, 'reset', 8, 9)).toEqual({ ...flawless, handed: 3, resets: 1 })
  expect(of(9, 1, 'reset', 7, 9)).toEqual({ ...flawless, handed: 3, resets: 1, missing: 1 })
})
