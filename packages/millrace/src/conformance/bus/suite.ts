import { describe, onTestFinished, test } from 'vitest'
import { uniqueName } from '../broker/stage.ts'
import { type Disturbance, flowThrough } from './disturbed-flow.ts'
import { followCases } from './follow-cases.ts'
import type { BusUnderTest, Stage } from './stage.ts'

/** What the suite needs of a bus. */
export interface BusSuiteOptions {
  /** Connects to the one log and bus that all cases share, each time as a process of its own would. */
  create(): Promise<BusUnderTest>
  /** All that may go wrong with it, by what it is: "its connection is cut". */
  readonly disturbances: Readonly<Record<string, Disturbance>>
  /** How long a case may take, in milliseconds. @default 30000 */
  readonly caseTimeoutMs?: number
}

/** Proves that a bus keeps what its port promises, whatever goes wrong with it; call it in a test file. Needs Vitest. */
export function describeBus(name: string, options: BusSuiteOptions): void {
  const timeout = options.caseTimeoutMs ?? 30_000
  describe(`the bus port, by ${name}`, () => {
    for (const [title, run] of Object.entries(followCases)) test(title, () => run(stage(options)), timeout)
    for (const [what, disturbance] of Object.entries(options.disturbances)) {
      test(`gives all records, once, in order, while ${what}`, () => flowThrough(stage(options), disturbance), timeout)
    }
  })
}

function stage({ create }: BusSuiteOptions): Stage {
  const processes: BusUnderTest[] = []
  onTestFinished(async () => {
    await Promise.all(processes.map((process) => process.dispose()))
  })
  return {
    async connect() {
      const process = await create()
      processes.push(process)
      return process
    },
    async topic(carriers) {
      const name = uniqueName('topic')
      await carriers[0]?.broker.ensureTopics([{ name, partitions: 1 }])
      for (const carrier of carriers) carrier.carry(name)
      return name
    },
  }
}
