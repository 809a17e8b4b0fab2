import { type EventCause, encodeEvent } from '../contracts/index.ts'
import type { Clock } from '../core/clock.ts'
import { fail } from '../core/errors.ts'
import type { OutgoingEvent } from '../core/event.ts'
import type { Millrace } from '../core/module.ts'
import type { PublishMode } from '../core/topic.ts'
import type { Bind } from '../core/unit.ts'
import type { DirectPublisher } from '../direct/index.ts'
import type { Metrics } from '../observability/index.ts'
import type { OutgoingRecord } from '../ports/broker.ts'
import type { Database } from '../ports/database.ts'
import { insideUnit, inUnit, type UnitRunner } from '../unit/index.ts'
import type { Catalogue } from './catalogue.ts'

interface EncoderOptions {
  readonly app: string
  readonly catalogue: () => Catalogue
  readonly clock: Clock
  readonly maxBytes: number
}

/** Makes records of events, after the checks that need to know the app: whose the topic is, and how it is published. */
export type Encoder = (event: OutgoingEvent, mode: PublishMode, cause?: EventCause) => OutgoingRecord

export function createEncoder({ app, catalogue, clock, maxBytes }: EncoderOptions): Encoder {
  return (event, mode, cause) => {
    const { topic } = event
    const owned = catalogue().topics.get(topic.name)
    if (!owned) throw fail('EVENT_UNKNOWN', { topic: topic.name })
    if (topic.publish !== mode) {
      const call = mode === 'outbox' ? 'unit.publish' : 'millrace.publish'
      throw fail('PUBLISH_MODE_WRONG', { topic: topic.name, mode: topic.publish, call })
    }
    return encodeEvent(event, { source: `/${app}/${owned.module.name}`, clock, maxBytes, cause })
  }
}

interface MillraceParts {
  readonly database: Database
  readonly bind: Bind
  readonly runner: UnitRunner
  readonly encode: Encoder
  readonly direct: DirectPublisher
  readonly metrics: Metrics
}

/** What modules are handed; see {@link Millrace}. */
export function createMillrace({ database, bind, runner, encode, direct, metrics }: MillraceParts): Millrace {
  return {
    db: bind(database),
    transaction: async (work) => {
      if (insideUnit()) throw fail('TRANSACTION_NESTED', {})
      return inUnit(runner, 'request', (unit) => unit.run(work))
    },
    publish: async (event) => direct.publish(encode(event, 'direct')),
    count: (name, help) => {
      const counter = metrics.counter(`app_${name}_total`, help)
      return (by = 1) => counter.inc(by)
    },
  }
}
