import { once } from 'node:events'
import { context, trace } from '@opentelemetry/api'
import { expect, test } from 'vitest'
import * as z from 'zod'
import { createOpenTelemetry, type OpenTelemetryOptions } from '../src/adapters/opentelemetry/index.ts'
import {
  type Consumer,
  createLogger,
  defineConsumer,
  defineModule,
  defineRoutes,
  defineTopic,
  type ReceivedEvent,
  typeField,
} from '../src/index.ts'
import { type TestApp, type TestAppOptions, testApp } from '../src/testing/index.ts'
import { defaultKafkaBrokers } from '../src/testing/kafka.ts'
import { until } from './faults/until.ts'
import { OtlpReceiver, type ReceivedSpan } from './otlp-receiver.fixture.ts'

const letter = z.object({ text: z.string() })
const letters = defineTopic('letters', {
  publish: 'direct',
  key: () => 'all',
  typeOf: typeField('type'),
  events: { Sent: letter },
})
const copies = defineTopic('copies', { key: () => 'all', events: { Copied: letter } })
const { Sent } = letters.events
const { Copied } = copies.events

const traceId = '4bf92f3577b34da6a3ce929d0e0e4736'
const caller = '00f067aa0ba902b7'
const traceparent = `00-${traceId}-${caller}-01`
const broker = defaultKafkaBrokers() ? 'kafka' : 'postgres'

/** A request that nobody has answered yet. */
const slow = { began: Promise.withResolvers<void>() }

const routes = defineRoutes((route, millrace) => {
  route.post('/', { schema: { body: letter } }, async ({ body, log }) => {
    log.info({}, 'taken')
    await millrace.publish(Sent(body))
    return { sent: true }
  })
  route.post('/unit', { schema: { body: letter } }, async ({ body }) => {
    await millrace.transaction(async (unit) => unit.publish(Copied(body)))
    return { sent: true }
  })
  route.get('/slow', async ({ raw }) => {
    slow.began.resolve()
    await once(raw.socket, 'close')
    return {}
  })
  route.get('/broken', async () => {
    throw new Error('it is broken')
  })
})

/** Copies letters through the outbox. */
const copying = defineConsumer({
  name: 'copying',
  topic: letters,
  on: { Sent: ({ data }, unit) => unit.publish(Copied(data)) },
})

/** A consumer of copies, and what it was given. */
function reading(): { readonly consumer: Consumer; readonly read: ReceivedEvent[] } {
  const read: ReceivedEvent[] = []
  const consumer = defineConsumer({ name: 'reading', topic: copies, on: { Copied: (event) => void read.push(event) } })
  return { consumer, read }
}

function postOffice(consumers: readonly Consumer[], options: Partial<TestAppOptions> = {}): Promise<TestApp> {
  const module = defineModule({ name: 'post', topics: [letters, copies], consumers, routes })
  return testApp({ modules: [module], topicPartitions: 1, ...options })
}

/** Over the network, as a body that arrives behind its headers is what loses the context. */
async function post(t: TestApp, path: string, body: object, headers: Record<string, string> = {}): Promise<void> {
  const answer = await fetch(t.url + path, {
    method: 'POST',
    headers: { 'content-type': 'application/json', ...headers },
    body: JSON.stringify(body),
  })
  expect(answer.status).toBe(200)
}

function tracingTo({ url }: { readonly url: string }, options: Partial<OpenTelemetryOptions> = {}) {
  return createOpenTelemetry({ endpoint: url, serviceName: 'post office', ...options })
}

function traceparentOf(event: ReceivedEvent | undefined): string | undefined {
  return event?.headers['traceparent']
}

test.each(['/post/', '/post/unit'])(
  'without an exporter, the context of POST %s reaches the last consumer',
  async (path) => {
    const { consumer, read } = reading()
    await using t = await postOffice([copying, consumer])
    await post(t, path, { text: 'hello' }, { traceparent, tracestate: 'vendor=1,other=2' })
    await t.settled()
    expect(read).toHaveLength(1)
    expect(read[0]?.headers).toMatchObject({
      traceparent,
      tracestate: 'vendor=1,other=2',
      ce_traceparent: traceparent,
      ce_tracestate: 'vendor=1,other=2',
    })
  },
)

test.each([[{}], [{ traceparent: 'nonsense', tracestate: 'vendor=1' }], [{ tracestate: 'vendor=1' }]])(
  'without an exporter, %o adds nothing',
  async (headers: Record<string, string>) => {
    const { consumer, read } = reading()
    await using t = await postOffice([copying, consumer])
    await post(t, '/post/', { text: 'hello' }, headers)
    await t.settled()
    expect(read).toHaveLength(1)
    const names = Object.keys(read[0]?.headers ?? {})
    expect(names.filter((name) => name.includes('trace'))).toEqual([])
  },
)

test.each(['traceparent', 'ce_traceparent'])('a foreign record’s %s is the context of what it causes', async (name) => {
  const { consumer, read } = reading()
  await using t = await postOffice([copying, consumer])
  const encoder = new TextEncoder()
  const value = encoder.encode(JSON.stringify({ type: 'Sent', text: 'from afar' }))
  await t.produce({ topic: 'letters', value, headers: [[name, encoder.encode(traceparent)]] })
  await t.produce({ topic: 'letters', value, headers: [[name, encoder.encode('invalid')]] })
  await t.settled()
  expect(read.map(traceparentOf)).toEqual([traceparent, undefined])
})

test('log lines of requests, prepare and handlers say which trace and event they belong to', async () => {
  const lines: Record<string, unknown>[] = []
  const logger = createLogger({ destination: { write: (line) => void lines.push(JSON.parse(line)) } })
  const logging = defineConsumer({
    name: 'logging',
    topic: letters,
    prepare: { Sent: async ({ data }) => logger.info({}, `preparing ${data.text}`) },
    on: {
      Sent: async ({ data }, unit) => {
        await unit.db.query('SELECT 1')
        logger.info({}, `handling ${data.text}`)
        await unit.attempt(async () => logger.info({}, `attempting ${data.text}`))
      },
    },
  })
  await using t = await postOffice([logging], { logger })
  await post(t, '/post/', { text: 'one' }, { traceparent })
  await t.millrace.publish(Sent({ text: 'two' }, { id: 'id of two' }))
  await t.settled()
  const line = (msg: string) => lines.find((each) => each['msg'] === msg)
  expect(line('taken')).toMatchObject({ traceId, requestId: expect.any(String) })
  expect(line('taken')).not.toHaveProperty('eventId')
  for (const doing of ['preparing', 'handling', 'attempting']) {
    expect(line(`${doing} one`)).toMatchObject({ traceId, eventId: expect.any(String) })
    expect(line(`${doing} two`)).toMatchObject({ eventId: 'id of two' })
    expect(line(`${doing} two`)).not.toHaveProperty('traceId')
  }
})

test('with an exporter, a request and all it causes are one trace', async () => {
  await using receiver = await OtlpReceiver.start()
  const { consumer, read } = reading()
  const seen: (string | undefined)[] = []
  const watching = defineConsumer({
    name: 'copying',
    topic: letters,
    prepare: { Sent: async () => seen.push(trace.getSpan(context.active())?.spanContext().spanId) },
    on: {
      Sent: async ({ data }, unit) => {
        await unit.db.query('SELECT 1')
        seen.push(trace.getSpan(context.active())?.spanContext().spanId)
        unit.publish(Copied(data))
      },
    },
  })
  const t = await postOffice([watching, consumer], { tracing: tracingTo(receiver) })
  await post(t, '/post/', { text: 'hello' }, { traceparent, tracestate: 'vendor=1' })
  await t.settled()
  await t.stop()

  const request = receiver.one('POST /post')
  const publish = receiver.one('publish letters')
  const prepare = receiver.one('prepare letters')
  const copy = receiver.one('process letters')
  const create = receiver.one('create copies')
  const last = receiver.one('process copies')
  const chain: [ReceivedSpan, string, number][] = [
    [request, caller, 2],
    [publish, request.spanId, 4],
    [prepare, publish.spanId, 1],
    [copy, publish.spanId, 5],
    [create, copy.spanId, 4],
    [last, create.spanId, 5],
  ]
  for (const [span, parentId, kind] of chain) expect(span).toMatchObject({ traceId, parentId, kind, status: 0 })
  expect(seen).toEqual([prepare.spanId, copy.spanId])
  const [relay] = receiver.all(`relay to ${broker}`)
  expect(relay?.links).toContain(create.spanId)
  const chunks = [...receiver.all('chunk letters'), ...receiver.all('chunk copies')].map(({ spanId }) => spanId)
  expect(chunks).toEqual(expect.arrayContaining([...copy.links, ...last.links]))
  expect(traceparentOf(read[0])).toBe(`00-${traceId}-${create.spanId}-01`)
  expect(read[0]?.headers['tracestate']).toBe('vendor=1')

  expect(receiver.services).toEqual(new Set(['post office']))
  expect(request.attributes).toMatchObject({
    'http.request.method': 'POST',
    'http.route': '/post',
    'http.response.status_code': 200,
  })
  expect(copy.attributes).toMatchObject({
    'messaging.system': broker === 'kafka' ? 'kafka' : 'postgresql',
    'messaging.operation.type': 'process',
    'messaging.destination.name': 'letters',
    'messaging.consumer.group.name': 'copying',
    'messaging.destination.partition.id': '0',
  })
})

test('a batch is one span, linked to what published its events', async () => {
  await using receiver = await OtlpReceiver.start()
  const { consumer, read } = reading()
  const batching = defineConsumer({
    name: 'batching',
    topic: letters,
    batch: { size: 2, wait: '5s', handle: (events, unit) => unit.publish(Copied({ text: `${events.length}` })) },
  })
  const t = await postOffice([batching, consumer], { tracing: tracingTo(receiver) })
  await Promise.all([t.millrace.publish(Sent({ text: 'one' })), t.millrace.publish(Sent({ text: 'two' }))])
  await t.settled()
  await t.stop()
  const published = receiver.all('publish letters').map(({ spanId }) => spanId)
  const batch = receiver.one('process letters')
  expect(published).toHaveLength(2)
  expect(batch.links).toEqual(expect.arrayContaining(published))
  expect(batch.attributes['messaging.batch.message_count']).toBe(2)
  const create = receiver.one('create copies')
  expect(create).toMatchObject({ traceId: batch.traceId, parentId: batch.spanId })
  expect(traceparentOf(read[0])).toContain(create.spanId)
})

test('what fails is marked, and what the caller decided about sampling is kept', async () => {
  await using receiver = await OtlpReceiver.start()
  const { consumer, read } = reading()
  const failing = defineConsumer({
    name: 'failing',
    topic: letters,
    retry: { attempts: 1 },
    onDeadLetter: 'continue',
    on: {
      Sent: () => {
        throw new TypeError('it fails')
      },
    },
  })
  const t = await postOffice([failing, copying, consumer], { tracing: tracingTo(receiver) })
  await post(t, '/post/', { text: 'unwatched' }, { traceparent: traceparent.replace(/01$/, '00') })
  await t.settled()
  expect(traceparentOf(read[0])).toMatch(new RegExp(`^00-${traceId}-[\\da-f]{16}-00$`))
  expect((await fetch(`${t.url}/post/broken`)).status).toBe(500)
  await post(t, '/post/', { text: 'watched' }, { traceparent })
  await t.settled()
  await t.stop()
  expect(receiver.all('POST /post')).toHaveLength(1)
  expect(receiver.one('GET /post/broken')).toMatchObject({ status: 2, attributes: { 'error.type': 'Error' } })
  const processed = receiver.all('process letters')
  const failed = processed.filter(({ attributes }) => attributes['messaging.consumer.group.name'] === 'failing')
  expect(failed).toMatchObject([{ status: 2, attributes: { 'error.type': 'TypeError' } }])
  expect(processed).toHaveLength(2)
})

test('a request whose client goes away is ended, and marked', async () => {
  await using receiver = await OtlpReceiver.start()
  const t = await postOffice([], { tracing: tracingTo(receiver) })
  const client = new AbortController()
  const answer = fetch(`${t.url}/post/slow`, { signal: client.signal })
  await slow.began.promise
  client.abort()
  await expect(answer).rejects.toThrow('aborted')
  await t.stop()
  expect(receiver.one('GET /post/slow')).toMatchObject({ kind: 2, status: 2 })
})

test('of the traces that begin here a share is kept; spans of user code go the same way', async () => {
  await using receiver = await OtlpReceiver.start()
  const { consumer, read } = reading()
  const own = defineConsumer({
    name: 'own',
    topic: letters,
    on: {
      Sent: ({ data }, unit) =>
        trace.getTracer('own').startActiveSpan('own work', (span) => {
          unit.publish(Copied(data))
          span.end()
        }),
    },
  })
  const t = await postOffice([own, consumer], { tracing: tracingTo(receiver, { sampleRatio: 0, global: true }) })
  await post(t, '/post/', { text: 'begins here' })
  await post(t, '/post/', { text: 'began elsewhere' }, { traceparent })
  await t.settled()
  await t.stop()
  expect(read.map((event) => traceparentOf(event)?.slice(-2))).toEqual(['00', '01'])
  const work = receiver.one('own work')
  expect(work.parentId).toBe(receiver.one('process letters').spanId)
  expect(receiver.one('create copies').parentId).toBe(work.spanId)
  expect(new Set(receiver.spans.filter(({ name }) => !name.startsWith('relay')).map((span) => span.traceId))).toEqual(
    new Set([traceId]),
  )
})

test('two apps of a process export each to its own receiver', async () => {
  await using one = await OtlpReceiver.start()
  await using two = await OtlpReceiver.start()
  const first = await postOffice([copying], { tracing: tracingTo(one, { serviceName: 'one' }) })
  const second = await postOffice([copying], { tracing: tracingTo(two, { serviceName: 'two' }) })
  await post(first, '/post/', { text: 'hello' })
  await Promise.all([first.settled(), second.settled()])
  await Promise.all([first.stop(), second.stop()])
  expect(one.services).toEqual(new Set(['one']))
  expect(one.all('POST /post')).toHaveLength(1)
  expect(two.all('POST /post')).toHaveLength(0)
})

test('while nobody takes the spans, the app goes on, says so once, and stops in time', async () => {
  const receiver = await OtlpReceiver.start()
  const { url } = receiver
  await receiver[Symbol.asyncDispose]()
  const lines: Record<string, unknown>[] = []
  const logger = createLogger({ destination: { write: (line) => void lines.push(JSON.parse(line)) } })
  const told = () => lines.filter(({ msg }) => msg === 'spans are not taken and are dropped')
  const { consumer, read } = reading()
  const t = await postOffice([copying, consumer], { tracing: tracingTo({ url }, { logger }) })
  for (let n = 0; n < 3; n += 1) {
    await post(t, '/post/', { text: String(n) })
    await t.settled()
  }
  await until('it is told', () => told().length > 0, 20_000)
  await post(t, '/post/', { text: 'last' })
  await t.settled()
  expect(read.map(({ data }) => (data as { text: string }).text)).toEqual(['0', '1', '2', 'last'])
  const stopping = performance.now()
  await t.stop()
  expect(performance.now() - stopping).toBeLessThan(6_000)
  expect(told()).toHaveLength(1)
})
