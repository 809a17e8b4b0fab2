import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { rm } from 'node:fs/promises'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { text } from 'node:stream/consumers'
import { setTimeout as delay } from 'node:timers/promises'
import { beforeAll, beforeEach, onTestFinished } from 'vitest'
import { kafkaUnavailable, runKafkaTool } from '../../src/kafka/index.ts'
import { registryJar } from '../../src/kafka/registry.ts'
import { temporaryFolder } from '../../src/kafka/temporary.ts'

// For the first time, when Maven fetches everything.
const fetchWithinMs = 300_000

/** Skips the tests of a file where Kafka cannot run, with the reason. With `CI=true` they fail instead. */
export function needsKafka(): void {
  let reason: string | undefined
  beforeAll(async () => {
    reason = await kafkaUnavailable()
    if (reason === undefined) await registryJar()
    else if (process.env['CI'] === 'true') throw new Error(reason)
  }, fetchWithinMs)
  beforeEach(({ skip }) => skip(reason !== undefined, reason))
}

/** A new folder, removed at the end of the test. */
export async function testFolder(): Promise<string> {
  const folder = await temporaryFolder('millrace-kafka-test-')
  onTestFinished(() => rm(folder, { recursive: true, force: true, maxRetries: 5 }))
  return folder
}

/** A program of this workspace that runs. */
export interface Program {
  readonly process: ChildProcess
  /** Its standard output, line by line. */
  readonly lines: AsyncIterator<string>
  readonly stderr: Promise<string>
  /** Resolves with its status, or the signal that ended it. */
  readonly ended: Promise<number | NodeJS.Signals>
}

/** Runs a program of this workspace, ended with the test at the latest. */
export function runProgram(path: string, args: readonly string[], env: NodeJS.ProcessEnv = process.env): Program {
  const program = spawn(process.execPath, [join(import.meta.dirname, '../..', path), ...args], {
    stdio: ['ignore', 'pipe', 'pipe'],
    env,
  })
  const ended = once(program, 'exit').then(([code, signal]) => signal ?? code)
  onTestFinished(async () => {
    program.kill('SIGKILL')
    await ended
  })
  const lines = createInterface({ input: program.stdout })[Symbol.asyncIterator]()
  return { process: program, lines, stderr: text(program.stderr), ended }
}

/** Resolves when the condition holds; the test's own time-out is the bound. */
export async function until(holds: () => boolean | Promise<boolean>): Promise<void> {
  while (!(await holds())) await delay(10)
}

/** What is in the topic: its first records' values. */
export async function consume(kafka: { bootstrap: string }, topic: string, records: number): Promise<string[]> {
  const args = ['--topic', topic, '--from-beginning', '--max-messages', String(records)]
  const { stdout } = await runKafkaTool(kafka, 'console-consumer', args)
  return stdout.toString().trim().split('\n')
}
