import type { Consumer } from '../core/consumer.ts'
import { fail } from '../core/errors.ts'
import type { Module } from '../core/module.ts'
import type { AnyTopic } from '../core/topic.ts'

/** All that the modules of an app define, by name, with whose it is. */
export interface Catalogue {
  readonly topics: ReadonlyMap<string, { readonly topic: AnyTopic; readonly module: Module }>
  readonly consumers: readonly Consumer[]
}

/**
 * Collects what the modules define.
 *
 * @throws DEFINITION_INVALID when a name is taken twice, or a consumer's topic belongs to no module
 */
export function collect(modules: readonly Module[], consumers: readonly Consumer[]): Catalogue {
  unique('Module', modules)
  const owned = modules.flatMap((module) => module.topics.map((topic) => ({ name: topic.name, topic, module })))
  unique('Topic', owned)
  unique('Consumer', consumers)
  const topics = new Map(owned.map(({ name, topic, module }) => [name, { topic, module }]))
  for (const { name, topics: consumed } of consumers) {
    const stranger = consumed.find((topic) => topics.get(topic.name)?.topic !== topic)
    if (stranger) {
      const problem = `its topic ${stranger.name} belongs to no module of this app`
      throw fail('DEFINITION_INVALID', { what: `Consumer "${name}"`, problem })
    }
  }
  return { topics, consumers }
}

function unique(kind: string, named: readonly { readonly name: string }[]): void {
  const seen = new Set<string>()
  for (const { name } of named) {
    if (seen.has(name))
      throw fail('DEFINITION_INVALID', { what: `${kind} "${name}"`, problem: 'the name is taken twice' })
    seen.add(name)
  }
}
