// Checked with the rest by `tsc`: what must not compile says so, and what is inferred is compared exactly.
import { type Timestamp, TimestampSchema } from '@bufbuild/protobuf/wkt'
import * as z from 'zod'
import { protobuf } from '../src/contracts/protobuf.ts'
import {
  type ChannelMessages,
  defineChannel,
  defineConsumer,
  defineModule,
  defineSchedule,
  defineTopic,
  type EventOf,
  fail,
  type Metrics,
  type Millrace,
  type Published,
  type Queryable,
  type ReceivedEvent,
  type Unit,
} from '../src/index.ts'

type Exactly<A, B> = (<T>() => T extends A ? 1 : 2) extends <T>() => T extends B ? 1 : 2 ? true : false

/** Compiles only when both are the same type. */
export function same<A, B>(_same: Exactly<A, B>): void {}

declare const unit: Unit
declare const millrace: Millrace

const orders = defineTopic('orders', {
  key: (event) => {
    same<typeof event.type, 'Created' | 'Confirmed'>(true)
    return event.type === 'Created' ? event.data.id : String(event.data.at.getTime())
  },
  events: {
    Created: z.object({ id: z.string(), note: z.string().optional() }),
    Confirmed: z.object({
      at: z.codec(z.iso.datetime(), z.date(), { decode: (s) => new Date(s), encode: (d) => d.toISOString() }),
    }),
  },
})
const payments = defineTopic('payments', { publish: 'direct', events: { Paid: z.object({ amount: z.int() }) } })
const times = defineTopic('times', { format: protobuf(), events: { Ticked: TimestampSchema } })
const { Created, Confirmed } = orders.events

// Event constructors.
same<typeof orders.name, 'orders'>(true)
same<typeof Created.type, 'Created'>(true)
Created({ id: 'a' }, { key: null, id: 'x' })
// A codec's data is what it puts out, on both sides.
Confirmed({ at: new Date() })
// @ts-expect-error: the wire's text is not the data
Confirmed({ at: '2026-01-01T00:00:00Z' })
// @ts-expect-error: data that is missing
Created({})
// @ts-expect-error: data of a wrong type
Created({ id: 1 })
// @ts-expect-error: data that the schema does not know
Created({ id: 'a', other: true })
// @ts-expect-error: an event the topic does not have
orders.events.Deleted
// What makes a message, not a message.
times.events.Ticked({ seconds: 1n })
// @ts-expect-error: a field of a wrong type
times.events.Ticked({ seconds: 'one' })

// Publishing.
unit.publish(Created({ id: 'a' }), Confirmed({ at: new Date() }), times.events.Ticked({}))
same<ReturnType<typeof millrace.publish>, Promise<Published>>(true)
void millrace.publish(payments.events.Paid({ amount: 1 }))
// @ts-expect-error: a direct topic is not published from a unit
unit.publish(payments.events.Paid({ amount: 1 }))
// @ts-expect-error: an outbox topic is not published directly
void millrace.publish(Created({ id: 'a' }))
// @ts-expect-error: data without its event
unit.publish({ id: 'a' })

// Timers and schedules.
unit.publishAfter('10s', Created({ id: 'a' }), { name: 'remind' })
unit.publishAfter(new Date(), Confirmed({ at: new Date() }))
unit.cancel(Created, 'a', 'remind')
// @ts-expect-error: a direct topic is not published from a unit
unit.publishAfter('10s', payments.events.Paid({ amount: 1 }))
// @ts-expect-error: no duration
unit.publishAfter('soon', Created({ id: 'a' }))
defineSchedule('ticking', { every: '30s', run: async (_unit, tick) => same<typeof tick.scheduledAt, Date>(true) })
defineSchedule('daily', { cron: '@daily', timeZone: 'Europe/Berlin', missed: 'catch-up', run: () => {} })
// @ts-expect-error: both
defineSchedule('both', { every: '30s', cron: '@daily', run: () => {} })
// @ts-expect-error: neither
defineSchedule('neither', { run: () => {} })

// What a handler receives.
same<EventOf<typeof orders, 'Created'>, ReceivedEvent<'orders', 'Created', { id: string; note?: string | undefined }>>(
  true,
)
defineConsumer({
  name: 'one',
  topic: orders,
  on: {
    Created: (event, handlerUnit) => {
      same<typeof event.data, { id: string; note?: string | undefined }>(true)
      same<typeof handlerUnit, Unit>(true)
    },
    Confirmed: async (event) => same<typeof event.data.at, Date>(true),
  },
})
defineConsumer({
  name: 'protobuf',
  topic: times,
  on: { Ticked: ({ data }) => same<typeof data, Timestamp>(true) },
})
defineConsumer({
  name: 'unknown',
  topic: orders,
  on: {
    // @ts-expect-error: an event that the topic does not have
    Deleted: () => {},
  },
})
defineConsumer({
  name: 'result',
  topic: orders,
  // @ts-expect-error: what a handler returns is lost
  on: { Created: () => 'lost' },
})

// Several topics: the event is narrowed by its topic, and by its type.
defineConsumer({
  name: 'several',
  topic: [orders, payments],
  on: {
    Created: (event) => same<typeof event.topic, 'orders'>(true),
    Paid: ({ data }) => same<typeof data.amount, number>(true),
  },
})
defineConsumer({
  name: 'batch',
  topic: [orders, payments],
  batch: {
    size: 25,
    wait: '5s',
    handle: (events, batchUnit) => {
      same<typeof batchUnit, Unit>(true)
      for (const event of events) {
        if (event.topic === 'payments') same<typeof event.data, { amount: number }>(true)
        else if (event.type === 'Confirmed') same<typeof event.data.at, Date>(true)
        else same<typeof event, ReceivedEvent<'orders', 'Created', { id: string; note?: string | undefined }>>(true)
      }
    },
  },
})
// @ts-expect-error: a duration needs its unit
defineConsumer({ name: 'wait', topic: orders, batch: { wait: '5', handle: () => {} } })

// What `prepare` resolves with is its own handler's third argument.
defineConsumer({
  name: 'prepared',
  topic: orders,
  prepare: {
    Created: async (event, signal) => {
      same<typeof event.data.id, string>(true)
      same<typeof signal, AbortSignal>(true)
      return { rate: 1.5 }
    },
  },
  on: {
    Created: (_event, _unit, prepared) => same<typeof prepared, { rate: number }>(true),
    Confirmed: (_event, _unit, prepared) => same<typeof prepared, undefined>(true),
  },
})
defineConsumer({
  name: 'misread',
  topic: orders,
  prepare: { Created: () => 1 },
  on: {
    // @ts-expect-error: it is a number
    Created: (_event, _unit, prepared: string) => prepared,
  },
})

// Modules take any topic and consumer.
defineModule({ name: 'all', topics: [orders, payments, times], consumers: () => [] })

// The query builder, where none is registered.
same<typeof unit.db, Queryable>(true)

// Errors need the details that their texts have.
fail('TOPIC_UNKNOWN', { topic: 'a' })
// @ts-expect-error: a detail that is missing
fail('TOPIC_UNKNOWN', {})
// @ts-expect-error: a code that the catalogue does not have
fail('NO_SUCH_CODE', {})

// Results of a transaction are handed on.
same<ReturnType<typeof millrace.transaction<number>>, Promise<number>>(true)

declare const metrics: Metrics

metrics.counter('records_handled_total').inc({ consumer: 'orders' })
// @ts-expect-error no such metric
metrics.counter('records_lost_total')
// @ts-expect-error it is a counter
metrics.gauge('records_handled_total')
// @ts-expect-error no such label: there may be any number of keys
metrics.counter('records_handled_total').inc({ key: 'a' })

// Channels: what is pushed is what the schema puts out, what a browser gets is what it takes in.
const news = defineChannel('news', {
  message: z.discriminatedUnion('type', [
    z.object({
      type: z.literal('printed'),
      data: z.codec(z.iso.datetime(), z.date(), { decode: (s) => new Date(s), encode: (d) => d.toISOString() }),
    }),
    z.object({ type: z.literal('sold'), data: z.object({ copies: z.int() }) }),
  ]),
  audience: (user) => user.id,
})
defineModule({ name: 'press', channels: [news] })
unit.push(news, 'anna', { type: 'sold', data: { copies: 1 } })
unit.push(news, 'anna', { type: 'printed', data: new Date() })
// @ts-expect-error: the wire's text is not the data
unit.push(news, 'anna', { type: 'printed', data: '2026-01-01T00:00:00Z' })
// @ts-expect-error: a message that the channel does not have
unit.push(news, 'anna', { type: 'burnt', data: {} })
// @ts-expect-error: an audience is a text
unit.push(news, 1, { type: 'sold', data: { copies: 1 } })
const exported = { news, taxes: 1 }
same<
  ChannelMessages<typeof exported>,
  { readonly news: { type: 'printed'; data: string } | { type: 'sold'; data: { copies: number } } }
>(true)
// @ts-expect-error: messages have a type
defineChannel('nameless', { message: z.object({ data: z.string() }), audience: (user) => user.id })
