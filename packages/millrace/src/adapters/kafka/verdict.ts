import { type produceV11, protocolErrors } from '@platformatic/kafka'
import type { MillraceError } from '../../core/errors.ts'
import { apiError, apiIdOfCode, apiProblem } from './errors.ts'

/** What a broker answered of one partition. */
export type PartitionAnswer = produceV11.ProduceResponsePartition

/** What an answer says of the batch. */
export type Verdict =
  | { readonly kind: 'taken'; readonly firstOffset: number }
  /** Something in it will never be taken. */
  | {
      readonly kind: 'refused'
      readonly apiId: string
      readonly said: string | undefined
      readonly error: MillraceError
    }
  /** The topic takes nothing of ours: it is gone, or not for us. */
  | { readonly kind: 'closed'; readonly error: MillraceError }
  /** Nothing of it was written; later it may be. */
  | { readonly kind: 'not taken'; readonly problem: string }
  /** It may have been written before something failed. */
  | { readonly kind: 'unsettled'; readonly problem: string }
  /** The broker lost what it knew of the producer, as when its log lost its end. */
  | { readonly kind: 'identity lost'; readonly problem: string }
  /** Nobody says whether it was written, and asking again brings no other answer. */
  | { readonly kind: 'unclear'; readonly problem: string }

/** Answers that come before anything is written; others that pass can come after. */
const beforeWriting = new Set(['NOT_ENOUGH_REPLICAS', 'THROTTLING_QUOTA_EXCEEDED'])
const identityLost = new Set([
  'OUT_OF_ORDER_SEQUENCE_NUMBER',
  'UNKNOWN_PRODUCER_ID',
  'INVALID_PRODUCER_EPOCH',
  'INVALID_PRODUCER_ID_MAPPING',
  'PRODUCER_FENCED',
])

/** What a broker's answer says of a batch for a topic. */
export function verdictOf(answer: PartitionAnswer, topic: string): Verdict {
  const { errorCode, baseOffset, errorMessage, recordErrors } = answer
  if (errorCode === 0) return { kind: 'taken', firstOffset: Number(baseOffset) }
  const apiId = apiIdOfCode(errorCode)
  // Of several records the first one's fault is told; the record that is refused in the end stands alone.
  const said = recordErrors?.[0]?.batchIndexErrorMessage ?? errorMessage ?? undefined
  const problem = apiProblem(apiId, said)
  if (identityLost.has(apiId)) return { kind: 'identity lost', problem }
  const error = apiError(apiId, { topic, said })
  if (error?.code === 'TOPIC_UNKNOWN' || error?.code === 'TOPIC_NOT_ALLOWED') return { kind: 'closed', error }
  if (error) return { kind: 'refused', apiId, said, error }
  if (beforeWriting.has(apiId)) return { kind: 'not taken', problem }
  return { kind: mayPass(apiId) ? 'unsettled' : 'unclear', problem }
}

function mayPass(apiId: string): boolean {
  const known: Readonly<Record<string, { readonly canRetry: boolean }>> = protocolErrors
  return known[apiId]?.canRetry === true
}
