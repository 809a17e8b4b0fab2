import type { AnyChannel } from '../core/channel.ts'
import type { Consumer } from '../core/consumer.ts'
import { fail } from '../core/errors.ts'
import type { Millrace, Module } from '../core/module.ts'
import type { Schedule } from '../core/schedule.ts'
import type { AnyTopic } from '../core/topic.ts'
import { liveTopic } from '../live/index.ts'

/** A topic and the module it belongs to. */
export interface OwnedTopic {
  readonly name: string
  readonly topic: AnyTopic
  /** Undefined: the app's own. */
  readonly module: Module | undefined
}

/** The topics of an app and its modules, by name. */
export type TopicCatalogue = ReadonlyMap<string, OwnedTopic>

/**
 * The topics of an app's modules; that of live updates comes with the first module that has channels.
 *
 * @param own topics of the app itself
 * @throws DEFINITION_INVALID when a module's or topic's name is taken twice
 */
export function collectTopics(modules: readonly Module[], own: readonly AnyTopic[]): TopicCatalogue {
  assertUnique('Module', modules)
  const owned: OwnedTopic[] = modules.flatMap((module) =>
    module.topics.map((topic) => ({ name: topic.name, topic, module })),
  )
  owned.push(...own.map((topic) => ({ name: topic.name, topic, module: undefined })))
  const live = modules.find(({ channels }) => channels.length > 0)
  if (live) owned.push({ name: liveTopic.name, topic: liveTopic, module: live })
  assertUnique('Topic', owned)
  return new Map(owned.map((topic) => [topic.name, topic]))
}

/**
 * The consumers of an app's modules.
 *
 * @throws DEFINITION_INVALID when a name is taken twice, or a consumer's topic belongs to no module
 */
export function collectConsumers(modules: readonly Module[], millrace: Millrace, topics: TopicCatalogue): Consumer[] {
  const consumers = modules.flatMap((module) => module.consumers(millrace))
  assertUnique('Consumer', consumers)
  for (const { name, topics: consumed } of consumers) {
    const stranger = consumed.find((topic) => topics.get(topic.name)?.topic !== topic)
    if (stranger) {
      const problem = `its topic ${stranger.name} belongs to no module of this app`
      throw fail('DEFINITION_INVALID', { what: `Consumer "${name}"`, problem })
    }
  }
  return consumers
}

/**
 * The consumers that a setting names.
 *
 * @throws DEFINITION_INVALID when there is none of a name: one that was to be paused would run
 */
export function pausedBySetting(consumers: readonly Consumer[], names: readonly string[]): ReadonlySet<string> {
  const known = consumers.map(({ name }) => name)
  const unknown = names.find((name) => !known.includes(name))
  if (unknown === undefined) return new Set(names)
  const problem = `there is no such consumer; there are ${known.join(', ')}`
  throw fail('DEFINITION_INVALID', { what: `Paused consumer "${unknown}"`, problem })
}

/**
 * The schedules of an app's modules.
 *
 * @throws DEFINITION_INVALID when a name is taken twice
 */
export function collectSchedules(modules: readonly Module[], millrace: Millrace): Schedule[] {
  const schedules = modules.flatMap((module) => module.schedules(millrace))
  assertUnique('Schedule', schedules)
  return schedules
}

/**
 * The channels of an app's modules, by name.
 *
 * @throws DEFINITION_INVALID when a name is taken twice
 */
export function collectChannels(modules: readonly Module[]): ReadonlyMap<string, AnyChannel> {
  const channels = modules.flatMap((module) => module.channels)
  assertUnique('Channel', channels)
  return new Map(channels.map((channel) => [channel.name, channel]))
}

function assertUnique(kind: string, named: readonly { readonly name: string }[]): void {
  const seen = new Set<string>()
  for (const { name } of named) {
    if (seen.has(name)) {
      throw fail('DEFINITION_INVALID', { what: `${kind} "${name}"`, problem: 'the name is taken twice' })
    }
    seen.add(name)
  }
}
