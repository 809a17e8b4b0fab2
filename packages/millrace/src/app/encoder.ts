import { type EventCause, encodeEvent } from '../contracts/index.ts'
import { fail } from '../core/errors.ts'
import type { OutgoingEvent } from '../core/event.ts'
import type { PublishMode } from '../core/topic.ts'
import type { OutgoingRecord } from '../ports/broker.ts'
import { currentTrace, type Tracer } from '../tracing/index.ts'
import type { TopicCatalogue } from './catalogue.ts'
import type { AppConfig } from './options.ts'

/** Makes the record of an event that is published in a mode. */
export type Encoder = (event: OutgoingEvent, mode: PublishMode, cause?: EventCause) => OutgoingRecord

/**
 * Encodes after the checks that need to know the app: whose the topic is, and how it is published.
 *
 * @returns an encoder that throws EVENT_UNKNOWN, PUBLISH_MODE_WRONG, EVENT_INVALID, RECORD_TOO_LARGE
 */
export function createEncoder(config: AppConfig, topics: TopicCatalogue, tracer: Tracer): Encoder {
  const { name: app, clock, maxRecordBytes: maxBytes } = config
  return (event, mode, cause) => {
    const { topic } = event
    const owned = topics.get(topic.name)
    if (!owned?.module) throw fail('EVENT_UNKNOWN', { topic: topic.name })
    if (topic.publish !== mode) {
      const call = mode === 'outbox' ? 'unit.publish' : 'millrace.publish'
      throw fail('PUBLISH_MODE_WRONG', { topic: topic.name, mode: topic.publish, call })
    }
    // A direct publish has a span of its own around it, which takes until the broker has the event.
    const trace = (mode === 'outbox' ? tracer.created(topic.name, event.type) : undefined) ?? currentTrace()
    return encodeEvent(event, { source: `/${app}/${owned.module.name}`, clock, maxBytes, cause, trace })
  }
}
