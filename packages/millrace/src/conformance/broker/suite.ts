import { describe, onTestFinished, test } from 'vitest'
import type { Broker } from '../../ports/broker.ts'
import { groupCases } from './group-cases.ts'
import { interleavingCases } from './interleaving-cases.ts'
import { openTopicCases } from './open-topic-cases.ts'
import { produceCases } from './produce-cases.ts'
import { readCases } from './read-cases.ts'
import { type BrokerUnderTest, type Stage, uniqueName } from './stage.ts'
import { topicCases } from './topic-cases.ts'

const cases = { ...topicCases, ...produceCases, ...readCases, ...openTopicCases, ...interleavingCases, ...groupCases }

/** A case of the suite, by what it proves. */
export type BrokerCase = keyof typeof cases

/** What the suite needs of an adapter. */
export interface BrokerSuiteOptions {
  /** Connects to the one log that all cases share, each time as a process of its own would. */
  create(): Promise<BrokerUnderTest>
  /** After how many milliseconds without a sign of life a member loses its partitions. */
  readonly sessionTimeoutMs: number
  /** How long a case may take, in milliseconds. @default 30000 */
  readonly caseTimeoutMs?: number
  /** What the adapter does not do, each with the reason. That it does not is tested: a limit that is none is to go. */
  readonly limits?: { readonly [Name in BrokerCase]?: string }
}

/**
 * Proves that an adapter keeps what the broker port promises; call it in a test file. Needs Vitest and fast-check.
 *
 * @throws when a limit has no reason, or is no case of the suite
 */
export function describeBroker(name: string, options: BrokerSuiteOptions): void {
  const limits: Readonly<Record<string, string | undefined>> = options.limits ?? {}
  checkLimits(name, limits)
  describe(`the broker port, by ${name}`, () => {
    for (const [title, run] of Object.entries(cases)) {
      const reason = limits[title]
      const timeout = options.caseTimeoutMs ?? 30_000
      if (reason === undefined) test(title, () => run(stage(options)), timeout)
      else test.fails(`${title} (not here: ${reason})`, () => run(stage(options)), timeout)
    }
  })
}

function checkLimits(name: string, limits: Readonly<Record<string, string | undefined>>): void {
  for (const [title, reason] of Object.entries(limits)) {
    if (!(title in cases)) throw new Error(`${name} limits "${title}", which is no case of the suite`)
    if (reason?.trim() === '') throw new Error(`${name} limits "${title}" without a reason`)
  }
}

function stage({ create, sessionTimeoutMs }: BrokerSuiteOptions): Stage {
  const connections: BrokerUnderTest[] = []
  onTestFinished(async () => {
    await Promise.all(connections.map((connection) => connection.dispose()))
  })
  return {
    sessionTimeoutMs,
    async connect() {
      const connection = await create()
      connections.push(connection)
      return connection
    },
    async topic(broker: Broker, partitions: number) {
      const name = uniqueName('topic')
      await broker.ensureTopics([{ name, partitions }])
      return name
    },
  }
}
