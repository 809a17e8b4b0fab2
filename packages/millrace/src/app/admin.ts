import type { Consumer } from '../core/consumer.ts'
import type { Schedule } from '../core/schedule.ts'
import {
  type ConsumerRunner,
  type Controls,
  type DeadLetterFilter,
  DeadLetterOperations,
  type DeadLetterRequest,
  listConsumers,
  type ReplayRunner,
  switchConsumer,
} from '../delivery/index.ts'
import type { AdminSource, DeadLetterCommand, DeadLetterOutcome, DeadLetterQuery } from '../http/index.ts'
import type { UnitRunner } from '../unit/index.ts'
import { consumerItem, LogEnds } from './admin-consumers.ts'
import { deadLetterAnswer, deadLetterItem } from './admin-dead-letters.ts'
import { locator, replaySource } from './admin-replays.ts'
import { timeSource } from './admin-time.ts'
import type { Brokers } from './brokers.ts'
import type { TopicCatalogue } from './catalogue.ts'
import { paged } from './paged.ts'

interface AdminParts {
  readonly units: UnitRunner
  readonly brokers: Brokers
  readonly catalogue: TopicCatalogue
  readonly consumers: readonly Consumer[]
  readonly schedules: readonly Schedule[]
  readonly controls: Controls
  /** Those that run in this process. */
  readonly runners: readonly ConsumerRunner[]
  readonly replays: ReplayRunner
}

/** What operators ask of a process, and have it do. */
export function adminSource({
  units,
  brokers,
  catalogue,
  consumers,
  schedules,
  controls,
  runners,
  replays,
}: AdminParts): AdminSource {
  const { database } = units
  const known = new Set(consumers.map(({ name }) => name))
  const running = new Map(runners.map((runner) => [runner.consumerName, runner]))
  const operations = new DeadLetterOperations({
    runner: units,
    controls,
    consumers,
    publishesTo: (topic) => catalogue.has(topic),
  })
  const runBulk = async (
    act: (request: DeadLetterRequest) => ReturnType<DeadLetterOperations['redrive']>,
    command: DeadLetterCommand,
  ): Promise<DeadLetterOutcome> => {
    const { next, reasons, ...outcome } = await act(requestOf(command))
    return {
      ...outcome,
      reasons: [...reasons],
      dryRun: command.dryRun,
      next: next ? `${next.after}-${next.upTo}` : null,
    }
  }
  return {
    ...timeSource(database, new Set(schedules.map(({ name }) => name))),
    deadLetters: async ({ after = '0', limit, ...query }) => {
      const rows = await operations.list(filterOf(query), after, limit + 1)
      return paged(rows.map(deadLetterItem), limit, ({ id }) => id)
    },
    deadLetter: async (id) => deadLetterAnswer(await operations.show(id)),
    redrive: (command) => runBulk((request) => operations.redrive(request), command),
    discard: (command) => runBulk((request) => operations.discard(request), command),
    consumers: async ({ after = '', limit }) => {
      const states = await listConsumers(database, after, limit + 1)
      const ends = new LogEnds(brokers, catalogue)
      const items = await Promise.all(states.map((state) => consumerItem(state, running.get(state.name), ends)))
      return paged(items, limit, ({ name }) => name)
    },
    switchConsumer: async (name, state, { by = 'http' }) => {
      await switchConsumer({ database, controls, known }, { name, state, by })
      return { name, state }
    },
    ...replaySource({ database, controls, locate: locator(consumers, brokers) }, replays),
  }
}

function requestOf({ dryRun, max, rate, next, by = 'http', force, ...filter }: DeadLetterCommand): DeadLetterRequest {
  const [after, upTo] = next?.split('-') ?? []
  const from = after !== undefined && upTo !== undefined ? { after, upTo } : undefined
  return { filter: filterOf(filter), dryRun, max, rate, from, by, force }
}

function filterOf(given: Omit<DeadLetterQuery, 'after' | 'limit'>): DeadLetterFilter {
  const { ids, consumer, withoutConsumer, topic, reason, since, until, held } = given
  return { ids, consumer, withoutConsumer, topic, reason, since, until, held }
}
