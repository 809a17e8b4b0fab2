import type { Consumer } from '../core/consumer.ts'
import type { ReceivedEvent } from '../core/event.ts'
import type { ReplayWork } from './replays.ts'

/** A consumer as a replay runs it: under its scope's name, with events that say so. */
export function replayedConsumer(consumer: Consumer, { id, scope }: ReplayWork): Consumer {
  const marked = (event: ReceivedEvent): ReceivedEvent => Object.assign(event, { replay: String(id) })
  const { batch } = consumer
  return {
    ...consumer,
    name: scope,
    prepare: mapped(consumer.prepare, (prepare) => (event, signal) => prepare(marked(event), signal)),
    on: mapped(consumer.on, (handle) => (event, unit, prepared) => handle(marked(event), unit, prepared)),
    batch: batch && { ...batch, handle: (events, unit) => batch.handle(events.map(marked), unit) },
  }
}

function mapped<Value>(
  record: Readonly<Record<string, Value>>,
  change: (value: Value) => Value,
): Record<string, Value> {
  return Object.fromEntries(Object.entries(record).map(([name, value]) => [name, change(value)]))
}
