import { traceIn, traceOf } from '../contracts/index.ts'
import type { ReceivedEvent } from '../core/event.ts'
import type { TraceContext } from '../core/trace-context.ts'
import type { OutgoingRecord } from '../ports/broker.ts'
import type { SpanPlace, TraceSpan, Tracing, Work } from '../ports/tracing.ts'
import { inSurroundings } from './surroundings.ts'

/** A span keeps so many links, by the defaults of OpenTelemetry. */
const mostLinks = 128

/** What the framework makes spans with. Without an adapter it makes none, and keeps the context all the same. */
export class Tracer {
  readonly #tracing: Tracing | undefined
  readonly #brokerOf: (topic: string) => string

  /** @param brokerOf the name of the broker that a topic is on */
  constructor(tracing?: Tracing, brokerOf: (topic: string) => string = () => '') {
    this.#tracing = tracing
    this.#brokerOf = brokerOf
  }

  /** Whether spans are made. What describes work asks first: that is not to cost a record anything where none are. */
  get isOn(): boolean {
    return this.#tracing !== undefined
  }

  /** Begins a span; undefined where none are made. Who begins one ends it. */
  begin(work: Work, place: SpanPlace = {}): TraceSpan | undefined {
    return this.#tracing?.begin(work, place)
  }

  /** Runs work within a span of its own, where spans are made. */
  async inSpan<T>(work: Work, place: SpanPlace, task: () => Promise<T>, event?: ReceivedEvent): Promise<T> {
    const span = this.begin(work, place)
    if (!span) return task()
    try {
      return await span.run(() => inSurroundings({ trace: span.context, ...(event && { event }) }, task))
    } catch (error) {
      span.failed(error)
      throw error
    } finally {
      span.end()
    }
  }

  /** The context for the headers of an event that a unit of work publishes. */
  created(topic: string, type: string): TraceContext | undefined {
    if (!this.isOn) return undefined
    const span = this.begin({ kind: 'create', broker: this.#brokerOf(topic), topic, type })
    span?.end()
    return span?.context
  }

  /** Publishes within a span that ends when the broker has answered. */
  published<T>(topic: string, type: string, publish: () => Promise<T>): Promise<T> {
    if (!this.isOn) return publish()
    return this.inSpan({ kind: 'publish', broker: this.#brokerOf(topic), topic, type }, {}, publish)
  }

  /** Hands records of the outbox to a broker, with links to what published them. */
  relayed<T>(broker: string, records: readonly OutgoingRecord[], task: () => Promise<T>): Promise<T> {
    if (!this.isOn) return task()
    const links = records.slice(0, mostLinks).flatMap(({ headers }) => traceIn(headers) ?? [])
    return this.inSpan({ kind: 'relay', broker, records: records.length }, { links }, task)
  }

  /** Handles, or prepares, one event as a child of what published it. */
  ofEvent<T>(kind: 'process' | 'prepare', consumer: string, event: ReceivedEvent, task: () => Promise<T>): Promise<T> {
    if (!this.isOn) return task()
    const { topic, type, partition, offset, id } = event
    const work = { kind, broker: this.#brokerOf(topic), consumer, topic, type, partition, offset, id }
    return this.inSpan(work, { parent: traceOf(event) }, task, event)
  }

  /** Handles a batch, with links to what published its events: a span has one parent, and these are many. */
  ofBatch<T>(consumer: string, events: readonly ReceivedEvent[], task: () => Promise<T>): Promise<T> {
    if (!this.isOn) return task()
    const topic = events[0]?.topic ?? ''
    const work = {
      kind: 'process-batch' as const,
      broker: this.#brokerOf(topic),
      consumer,
      topic,
      records: events.length,
    }
    return this.inSpan(work, { links: events.slice(0, mostLinks).flatMap((event) => traceOf(event) ?? []) }, task)
  }
}
