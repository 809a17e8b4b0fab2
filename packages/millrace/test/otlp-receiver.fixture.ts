import { once } from 'node:events'
import { createServer, type IncomingMessage, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import { buffer } from 'node:stream/consumers'
import { BinaryReader } from '@bufbuild/protobuf/wire'

/** A span as it was received, its ids in hex. */
export interface ReceivedSpan {
  readonly traceId: string
  readonly spanId: string
  /** Empty: the first of its trace. */
  readonly parentId: string
  readonly name: string
  /** 1 internal, 2 server, 3 client, 4 producer, 5 consumer */
  readonly kind: number
  readonly attributes: Readonly<Record<string, string | number | undefined>>
  /** Ids of the spans it is linked to. */
  readonly links: readonly string[]
  /** 0 unset, 1 ok, 2 error */
  readonly status: number
}

/** Takes spans by OTLP over HTTP, as a collector does; ends with its block. */
export class OtlpReceiver implements AsyncDisposable {
  readonly spans: ReceivedSpan[] = []
  /** The services they came from. */
  readonly services = new Set<string>()
  readonly #server: Server

  private constructor(server: Server) {
    this.#server = server
    server.on('request', (request, response) => {
      void this.#take(request).then((status) => response.writeHead(status).end())
    })
  }

  static async start(): Promise<OtlpReceiver> {
    const server = createServer()
    const receiver = new OtlpReceiver(server)
    server.listen(0, '127.0.0.1')
    await once(server, 'listening')
    return receiver
  }

  get url(): string {
    return `http://127.0.0.1:${(this.#server.address() as AddressInfo).port}`
  }

  /** The only span of a name. */
  one(name: string): ReceivedSpan {
    const [span, ...more] = this.all(name)
    if (!span || more.length > 0) throw new Error(`${span ? 'several' : 'no'} spans ${name}: ${this.#names()}`)
    return span
  }

  all(name: string): ReceivedSpan[] {
    return this.spans.filter((span) => span.name === name)
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#server.closeAllConnections()
    this.#server.close()
    await once(this.#server, 'close')
  }

  #names(): string {
    return this.spans.map(({ name }) => name).join(', ')
  }

  async #take(request: IncomingMessage): Promise<number> {
    const body = await buffer(request)
    if (request.url !== '/v1/traces' || request.headers['content-type'] !== 'application/x-protobuf') return 415
    for (const resourceSpans of messagesOf(body).get(1) ?? []) {
      const parts = messagesOf(resourceSpans)
      for (const resource of parts.get(1) ?? []) this.services.add(String(attributesIn(resource, 1)['service.name']))
      const scopes = (parts.get(2) ?? []).flatMap((scopeSpans) => messagesOf(scopeSpans).get(2) ?? [])
      this.spans.push(...scopes.map(spanOf))
    }
    return 200
  }
}

/** The fields of a message that have a length, by number. */
function messagesOf(bytes: Uint8Array): Map<number, Uint8Array[]> {
  const fields = new Map<number, Uint8Array[]>()
  each(bytes, (number, wireType, reader) => {
    if (wireType !== 2) return reader.skip(wireType)
    const field = reader.bytes()
    fields.set(number, [...(fields.get(number) ?? []), field])
    return undefined
  })
  return fields
}

function each(bytes: Uint8Array, take: (number: number, wireType: number, reader: BinaryReader) => unknown): void {
  const reader = new BinaryReader(bytes)
  while (reader.pos < reader.len) {
    const [number, wireType] = reader.tag()
    take(number, wireType, reader)
  }
}

/** A number of a message's own. */
function numberIn(bytes: Uint8Array, wanted: number): number {
  let found = 0
  each(bytes, (number, wireType, reader) => {
    if (number === wanted && wireType === 0) found = reader.uint32()
    else reader.skip(wireType)
  })
  return found
}

const text = (bytes: Uint8Array | undefined) => new TextDecoder().decode(bytes)
const hex = (bytes: Uint8Array | undefined) => Buffer.from(bytes ?? []).toString('hex')

/** https://github.com/open-telemetry/opentelemetry-proto/blob/main/opentelemetry/proto/trace/v1/trace.proto */
function spanOf(bytes: Uint8Array): ReceivedSpan {
  const fields = messagesOf(bytes)
  const [traceId, spanId, parentId] = [1, 2, 4].map((number) => hex(fields.get(number)?.[0]))
  const status = fields.get(15)?.[0]
  return {
    traceId: traceId ?? '',
    spanId: spanId ?? '',
    parentId: parentId ?? '',
    name: text(fields.get(5)?.[0]),
    kind: numberIn(bytes, 6),
    attributes: attributesIn(bytes, 9),
    links: (fields.get(13) ?? []).map((link) => hex(messagesOf(link).get(2)?.[0])),
    status: status ? numberIn(status, 3) : 0,
  }
}

function attributesIn(bytes: Uint8Array, number: number): Record<string, string | number | undefined> {
  const pairs = (messagesOf(bytes).get(number) ?? []).map((pair) => {
    const [key, value] = [1, 2].map((part) => messagesOf(pair).get(part)?.[0])
    const string = value && messagesOf(value).get(1)?.[0]
    return [text(key), string ? text(string) : value && numberIn(value, 3)] as const
  })
  return Object.fromEntries(pairs)
}
