import { expect, test } from 'vitest'
import { fail } from '../core/errors.ts'
import type { ProduceResult } from '../ports/broker.ts'
import { outcomeOf } from './outcome.ts'
import type { OutboxRecord } from './position.ts'

const tooLarge = fail('RECORD_TOO_LARGE', { topic: 't', size: 2, limit: 1 })
const refused = fail('RECORD_REFUSED', { topic: 't', problem: 'no' })
const notAllowed = fail('TOPIC_NOT_ALLOWED', { topic: 't' })
const unavailable = fail('BROKER_UNAVAILABLE', { problem: 'away' })

/** What becomes of records, each given by its key and its error. */
function outcome(...records: readonly (readonly [key: string | null, error?: Error])[]) {
  const rows = records.map(([key], index): OutboxRecord => {
    return {
      topic: 't',
      key: key && Buffer.from(key),
      value: null,
      headers: [],
      seq: String(index),
      createdAt: '',
    } as never
  })
  const results = records.map(([, error], offset): ProduceResult => {
    return error ? { topic: 't', error } : { topic: 't', partition: 0, offset }
  })
  const { taken, parked, refused } = outcomeOf(rows, results)
  return {
    taken: taken.map(({ seq }) => Number(seq)),
    parked: parked.map(({ record, error }) => [Number(record.seq), error]),
    refused: refused.map(({ record, error }) => [Number(record.seq), error]),
  }
}

test('what a broker refuses for good is told from what may yet be taken', () => {
  const passing = new Error('something else')
  expect(
    outcome(['a'], ['b', tooLarge], ['c', unavailable], ['d', refused], ['e', passing], ['f', notAllowed]),
  ).toEqual({
    taken: [0],
    parked: [
      [2, unavailable],
      [4, passing],
    ],
    refused: [
      [1, tooLarge],
      [3, refused],
      [5, notAllowed],
    ],
  })
})

test('what is behind a record of its key that was not taken waits, whatever is said of it', () => {
  expect(outcome(['a', tooLarge], ['a', tooLarge], ['b', unavailable], ['b', refused], ['c', tooLarge])).toEqual({
    taken: [],
    parked: [
      [1, undefined],
      [2, unavailable],
      [3, undefined],
    ],
    refused: [
      [0, tooLarge],
      [4, tooLarge],
    ],
  })
})

test('a topic that is not allowed refuses all its records at once', () => {
  expect(outcome(['a', notAllowed], ['a', notAllowed]).refused).toHaveLength(2)
})

test('records without a key do not wait for each other', () => {
  expect(outcome([null, tooLarge], [null, tooLarge]).refused).toHaveLength(2)
})

test('a record without a result is not passed over', () => {
  const record = { topic: 't', key: null, value: null, headers: [], seq: '1', createdAt: '' }
  expect(outcomeOf([record], []).parked).toHaveLength(1)
})
