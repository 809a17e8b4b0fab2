import { expect, test } from 'vitest'
import type { Millrace } from '../../src/index.ts'
import { testApp } from '../../src/testing/index.ts'
import { flawless, Ledger } from './ledger.ts'
import { Observer } from './observer.ts'
import { publishByOutbox } from './publish.ts'
import { outboxMarks, spine } from './spine.fixture.ts'
import { until } from './until.ts'

/** Each is a transaction, and most make the relay and the consumers move their positions. */
const perThird = Number(process.env['UNITS'] ?? 2_000)
const lines = 8

test('a snapshot that a dump holds open slows nothing down, and nothing is lost', { timeout: 120_000 }, async () => {
  let echoed = 0
  const module = spine(undefined, (count) => {
    echoed += count
  })
  await using app = await testApp({ modules: [module] })
  await using dump = await Observer.connect(app.databaseUrl)
  const ledger = new Ledger()
  const third = async (nth: number) => {
    const began = performance.now()
    await publishThird(app.millrace, ledger, nth)
    await until('all echoed', () => echoed >= ledger.size)
    return performance.now() - began
  }
  await third(0)

  await dump.query('BEGIN ISOLATION LEVEL REPEATABLE READ')
  await dump.query('SELECT count(*) FROM spine.effect')
  const took = [await third(1), await third(2), await third(3)] as const
  await dump.query('COMMIT')
  process.stdout.write(`long-snapshot: thirds of ${perThird} units took ${took.map(Math.round).join(', ')} ms\n`)

  await using observer = await Observer.connect(app.databaseUrl)
  expect(ledger.examine(await observer.effects('marks'))).toEqual(flawless)
  expect(ledger.examine(await observer.effects('echoes'))).toEqual(flawless)
  expect(took[2]).toBeLessThan(3 * took[0] + 500)
})

/** Publishes one mark a unit, on several lines at a time. */
async function publishThird(millrace: Millrace, ledger: Ledger, nth: number): Promise<void> {
  const run = async (line: number) => {
    for (let n = 0; n < perThird / lines; n += 1) {
      await publishByOutbox(millrace, ledger, [{ stream: outboxMarks.name, key: `${nth} ${line}`, n }])
    }
  }
  await Promise.all(Array.from({ length: lines }, (_, line) => run(line)))
}
