import { type CopyDeadLetter, deadLetterCopies, withoutCopies } from '../contracts/index.ts'
import { type AnyTopic, defineTopic } from '../core/topic.ts'
import type { CopyRefused } from '../outbox/index.ts'
import type { Brokers } from './brokers.ts'
import type { AppConfig } from './options.ts'

/**
 * The topic that copies of dead letters go to, where there is one. They are whatever bytes they were: no schema fits.
 *
 * @throws DEFINITION_INVALID when its name is not one
 */
export function deadLetterTopics({ deadLetterTopic: name }: AppConfig): AnyTopic[] {
  return name === undefined ? [] : [defineTopic(name, { events: { DeadLetter: undefined as never } })]
}

/** What makes copies of dead letters. */
export function deadLetterCopier({
  deadLetterTopic: topic,
  maxRecordBytes: maxBytes,
  clock,
}: AppConfig): CopyDeadLetter {
  return topic === undefined ? withoutCopies : deadLetterCopies({ topic, maxBytes, clock })
}

/** What makes copies of refused publishes, for the lane of the topic they go to. */
export function refusedCopier(copy: CopyDeadLetter, brokers: Brokers): CopyRefused {
  return (letter) => {
    const record = copy(letter)
    return record && { lane: brokers.ofName(record.topic).name, record }
  }
}
