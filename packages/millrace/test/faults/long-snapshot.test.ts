import { expect, test } from 'vitest'
import { type TestApp, testApp } from '../../src/testing/index.ts'
import { flawless, Ledger } from './ledger.ts'
import { Observer } from './observer.ts'
import { publishByOutbox } from './publish.ts'
import { outboxMarks, spine } from './spine.fixture.ts'

const perThird = Number(process.env['UNITS'] ?? 2_000)
const lines = 8

test('a snapshot that a dump holds open slows nothing down, and nothing is lost', { timeout: 60_000 }, async () => {
  await using app = await testApp({ modules: [spine()] })
  await using observer = await Observer.connect(app.databaseUrl)
  await using dump = await Observer.connect(app.databaseUrl)
  const ledger = new Ledger()
  await runThird(app, ledger, 0)

  await dump.query('BEGIN ISOLATION LEVEL REPEATABLE READ')
  await dump.query('SELECT count(*) FROM spine.effect')
  const took: number[] = []
  for (const third of [1, 2, 3]) took.push(await runThird(app, ledger, third))
  process.stdout.write(`long-snapshot: thirds of ${perThird} units took ${took.map(Math.round).join(', ')} ms\n`)

  expect(ledger.examine(await observer.effects('marks'))).toEqual(flawless)
  expect(ledger.examine(await observer.effects('echoes'))).toEqual(flawless)
  await dump.query('COMMIT')
})

/** Publishes one mark a unit on several lines, waits until all is handled, and answers how long it took. */
async function runThird({ millrace, settled }: TestApp, ledger: Ledger, third: number): Promise<number> {
  const began = performance.now()
  const run = async (line: number) => {
    for (let n = 0; n < perThird / lines; n += 1) {
      await publishByOutbox(millrace, ledger, [{ stream: outboxMarks.name, key: `${third} ${line}`, n }])
    }
  }
  await Promise.all(Array.from({ length: lines }, (_, line) => run(line)))
  await settled()
  return performance.now() - began
}
