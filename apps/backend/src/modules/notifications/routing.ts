import type { AnyTopic, EventOf, Unit } from 'millrace'

/** Handles the events of one topic, all of a batch together. */
export type TopicHandler<T extends AnyTopic> = (events: EventOf<T>[], unit: Unit) => Promise<void> | void

/** A handler by topic. */
export type TopicHandlers<T extends AnyTopic> = {
  readonly [Name in T['name']]?: TopicHandler<Extract<T, { readonly name: Name }>>
}

/**
 * A batch handler that hands each topic's events to its handler.
 *
 * @param unhandled is told of events whose topic has none; they are left
 */
export function byTopic<T extends AnyTopic>(
  handlers: TopicHandlers<T>,
  unhandled: (topic: string, events: number, unit: Unit) => void,
): (events: EventOf<T>[], unit: Unit) => Promise<void> {
  return async (events, unit) => {
    for (const [topic, its] of Map.groupBy(events, ({ topic }) => topic)) {
      const handler = handlers[topic as T['name']] as TopicHandler<T> | undefined
      if (handler) await handler(its, unit)
      else unhandled(topic, its.length, unit)
    }
  }
}
