import type { OutgoingEvent, ReceivedEvent } from '../core/event.ts'
import { parseTraceContext, type TraceContext } from '../core/trace-context.ts'
import type { RecordHeader } from '../ports/broker.ts'

/**
 * CloudEvents 1.0 in the binary content mode of its Kafka protocol binding: attributes are headers with the prefix `ce_`,
 * the data is the record's value.
 * https://github.com/cloudevents/spec/blob/v1.0.2/cloudevents/bindings/kafka-protocol-binding.md
 */
export interface EventAttributes {
  readonly id: string
  /** `/app/module` */
  readonly source: string
  readonly type: string
  readonly time: Date
  readonly contentType: string
  readonly cause: EventCause | undefined
  readonly trace: TraceContext | undefined
}

/** What an event was published in answer to: extension attributes `correlationid` and `causationid`. */
export interface EventCause {
  /** The id that all events of one flow share. */
  readonly correlationId: string
  /** The id of the event that was being handled. */
  readonly causationId: string
}

const encoder = new TextEncoder()
const decoder = new TextDecoder()
const specVersion = encoder.encode('1.0')

/** The headers of an event. */
export function toHeaders({ id, source, type, time, contentType, cause, trace }: EventAttributes): RecordHeader[] {
  const headers: RecordHeader[] = [
    ['ce_specversion', specVersion],
    ['ce_id', encoder.encode(id)],
    ['ce_source', encoder.encode(source)],
    ['ce_type', encoder.encode(type)],
    ['ce_time', encoder.encode(time.toISOString())],
    ['content-type', encoder.encode(contentType)],
  ]
  if (cause) {
    headers.push(['ce_correlationid', encoder.encode(cause.correlationId)])
    headers.push(['ce_causationid', encoder.encode(cause.causationId)])
  }
  if (trace) headers.push(...traceHeaders(trace))
  return headers
}

/**
 * A trace's context twice: under the names that tracing systems look for, and as CloudEvents' distributed tracing
 * extension, which stays with the event where others rewrite the first on its way.
 */
function traceHeaders({ traceparent, tracestate }: TraceContext): RecordHeader[] {
  const names = { traceparent, ...(tracestate !== undefined && { tracestate }) }
  return Object.entries(names).flatMap(([name, text]): RecordHeader[] => {
    const bytes = encoder.encode(text)
    return [
      [name, bytes],
      [`ce_${name}`, bytes],
    ]
  })
}

/** The trace that headers tell of; undefined where there is none, or an invalid one. */
export function traceIn(headers: readonly RecordHeader[]): TraceContext | undefined {
  return traceUnder('', headers) ?? traceUnder('ce_', headers)
}

function traceUnder(prefix: '' | 'ce_', headers: readonly RecordHeader[]): TraceContext | undefined {
  const traceparent = headerText(headers, `${prefix}traceparent`)
  return traceparent === undefined
    ? undefined
    : parseTraceContext(traceparent, headerText(headers, `${prefix}tracestate`))
}

/** The last header of a name; undefined where there is none. */
export function headerBytes(headers: readonly RecordHeader[], name: string): Uint8Array | undefined {
  for (let place = headers.length - 1; place >= 0; place -= 1) {
    const header = headers[place]
    if (header?.[0] === name) return header[1]
  }
  return undefined
}

/** The text of the last header of a name; undefined where there is none. */
export function headerText(headers: readonly RecordHeader[], name: string): string | undefined {
  const bytes = headerBytes(headers, name)
  return bytes && decoder.decode(bytes)
}

/** All headers as text; bytes that are not UTF-8 become U+FFFD. */
export function headerTexts(headers: readonly RecordHeader[]): Record<string, string> {
  const texts: Record<string, string> = Object.create(null)
  for (const [name, bytes] of headers) texts[name] = decoder.decode(bytes)
  return texts
}

/** What an event published while handling another one says of it. */
export function causeOf(event: Pick<ReceivedEvent, 'id' | 'headers'>): EventCause {
  return { correlationId: event.headers['ce_correlationid'] ?? event.id, causationId: event.id }
}

/** The id an event goes out with. */
export function idOf(event: OutgoingEvent): string {
  return event.id ?? crypto.randomUUID()
}
