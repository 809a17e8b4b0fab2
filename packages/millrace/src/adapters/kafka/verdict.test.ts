import { protocolErrors } from '@platformatic/kafka'
import { expect, test } from 'vitest'
import { type PartitionAnswer, verdictOf } from './verdict.ts'

function answer(apiId: string, more: Partial<PartitionAnswer> = {}): PartitionAnswer {
  const errorCode = protocolErrors[apiId]?.code ?? 0
  return {
    index: 0,
    errorCode,
    baseOffset: -1n,
    logAppendTimeMs: -1n,
    logStartOffset: 0n,
    recordErrors: [],
    errorMessage: null,
    ...more,
  }
}

test('an answer without an error says where the batch is', () => {
  expect(verdictOf(answer('NONE', { baseOffset: 12n }), 'orders')).toEqual({ kind: 'taken', firstOffset: 12 })
})

test.each([
  // Written by this leader, perhaps, before it was none.
  ['NOT_LEADER_OR_FOLLOWER', 'unsettled'],
  ['REQUEST_TIMED_OUT', 'unsettled'],
  ['NOT_ENOUGH_REPLICAS_AFTER_APPEND', 'unsettled'],
  ['KAFKA_STORAGE_ERROR', 'unsettled'],
  ['NOT_ENOUGH_REPLICAS', 'not taken'],
  ['OUT_OF_ORDER_SEQUENCE_NUMBER', 'identity lost'],
  ['UNKNOWN_PRODUCER_ID', 'identity lost'],
  ['INVALID_PRODUCER_EPOCH', 'identity lost'],
  ['UNKNOWN_TOPIC_OR_PARTITION', 'closed'],
  ['TOPIC_AUTHORIZATION_FAILED', 'closed'],
  ['MESSAGE_TOO_LARGE', 'refused'],
  ['RECORD_LIST_TOO_LARGE', 'refused'],
  ['INVALID_RECORD', 'refused'],
  ['INVALID_TIMESTAMP', 'refused'],
  ['CORRUPT_MESSAGE', 'refused'],
  ['UNKNOWN_SERVER_ERROR', 'unclear'],
  ['INVALID_REQUEST', 'unclear'],
] as const)('%s: %s', (apiId, kind) => {
  expect(verdictOf(answer(apiId), 'orders').kind).toBe(kind)
})

test('no other error refuses a record or closes a topic', () => {
  const kinds = Object.values(protocolErrors).map(({ code }) => [
    verdictOf(answer('NONE', { errorCode: code }), 't').kind,
    code,
  ])
  const final = kinds.filter(([kind]) => kind === 'refused' || kind === 'closed').map(([, code]) => code)

  expect(final.sort((a, b) => Number(a) - Number(b))).toEqual([2, 3, 10, 17, 18, 29, 30, 31, 32, 43, 44, 76, 87, 100])
})

test('an error this version of the library has no name for is unclear', () => {
  expect(verdictOf(answer('NONE', { errorCode: 9_999 }), 't')).toEqual({ kind: 'unclear', problem: 'ERROR_9999' })
})
