import type { ReceivedEvent } from '../core/event.ts'
import type { TraceContext } from '../core/trace-context.ts'
import type { BrokerRecord } from '../ports/broker.ts'
import { headerText, headerTexts, traceIn } from './cloudevents.ts'

const decoder = new TextDecoder()

/** Where an event was read. */
export interface RecordOrigin {
  readonly partition: number
  readonly record: BrokerRecord
}

/** An event as it was read. Parts that few handlers look at are made when they are. */
export class RecordEvent implements ReceivedEvent {
  readonly topic: string
  readonly type: string
  readonly data: unknown
  readonly #origin: RecordOrigin

  constructor(topic: string, type: string, data: unknown, origin: RecordOrigin) {
    this.topic = topic
    this.type = type
    this.data = data
    this.#origin = origin
  }

  get id(): string {
    return headerText(this.#origin.record.headers, 'ce_id') ?? `${this.topic}/${this.partition}/${this.offset}`
  }

  get source(): string {
    return headerText(this.#origin.record.headers, 'ce_source') ?? ''
  }

  get time(): Date {
    const text = headerText(this.#origin.record.headers, 'ce_time')
    const time = text === undefined ? Number.NaN : Date.parse(text)
    return new Date(Number.isNaN(time) ? this.#origin.record.timestamp : time)
  }

  get key(): string | null {
    const { key } = this.#origin.record
    return key && decoder.decode(key)
  }

  get partition(): number {
    return this.#origin.partition
  }

  get offset(): number {
    return this.#origin.record.offset
  }

  get headers(): Readonly<Record<string, string>> {
    return headerTexts(this.#origin.record.headers)
  }

  /** The trace that its producer was part of. */
  get trace(): TraceContext | undefined {
    return traceIn(this.#origin.record.headers)
  }
}

/** The trace that an event's producer was part of; undefined where it told none. */
export function traceOf(event: ReceivedEvent): TraceContext | undefined {
  return event instanceof RecordEvent ? event.trace : undefined
}
