import type { Millrace } from '../../src/index.ts'
import type { Ledger, Mark } from './ledger.ts'
import { directMarks, outboxMarks } from './spine.fixture.ts'

const perUnit = 100

/** Publishes marks from units of work, many to a unit. */
export async function publishByOutbox(millrace: Millrace, ledger: Ledger, marks: readonly Mark[]): Promise<void> {
  for (let from = 0; from < marks.length; from += perUnit) {
    const some = marks.slice(from, from + perUnit)
    for (const mark of some) ledger.sent(mark)
    await millrace.transaction(async (unit) => {
      unit.publish(...some.map(({ key, n }) => outboxMarks.events.Marked({ key, n })))
    })
    for (const mark of some) ledger.acknowledged(mark)
  }
}

/** Publishes marks directly, many at a time. */
export async function publishDirectly(millrace: Millrace, ledger: Ledger, marks: readonly Mark[]): Promise<void> {
  const publish = async (mark: Mark) => {
    ledger.sent(mark)
    await millrace.publish(directMarks.events.Marked({ key: mark.key, n: mark.n }))
    ledger.acknowledged(mark)
  }
  for (let from = 0; from < marks.length; from += 1_000) {
    await Promise.all(marks.slice(from, from + 1_000).map(publish))
  }
}

/** So many marks of a stream, over so many keys in turn. */
export function marksOf(stream: string, count: number, keys: number): Mark[] {
  return Array.from({ length: count }, (_, nth) => ({ stream, key: `k${nth % keys}`, n: Math.floor(nth / keys) }))
}
