import { freePort, startKafka } from '@millrace/tools/kafka'
import { createTestDatabase } from 'millrace/testing'
import { expect, test } from 'vitest'
import { addressOf, run, runScript } from '../src/process.fixture.ts'

const timeout = 90_000

test('on Kafka, the scripts send to it and read from it, with an app of their own and with a running one', {
  timeout,
}, async () => {
  await using kafka = await startKafka()
  await using database = await createTestDatabase()
  const environment = { KAFKA_BROKERS: kafka.bootstrap, DATABASE_URL: database.url }
  const own = await runScript('tasks-demo', [], environment)
  expect([own.status, own.complained]).toEqual([0, ''])
  expect(own.said).toContain(`Another program creates one, by a record on Kafka at ${kafka.bootstrap}`)
  expect(own.said).toMatch(/\nEverything arrived, once.\n$/)

  const url = await addressOf(run({ ...environment, PORT: '0', MODULES: 'tasks' }))
  // Where the rows are is not known then, and not needed.
  const { DATABASE_URL: _, ...kafkaAlone } = environment
  const running = await runScript('tasks-demo', ['--url', url], { ...kafkaAlone, DATA_DIR: '/nonexistent' })
  expect([running.status, running.complained]).toEqual([0, ''])
  expect(running.said).not.toContain('PostgreSQL')
  expect(running.said).toMatch(/\nEverything arrived, once.\n$/)

  const sent = await runScript('tasks-send-event', ['--user', 'a'], kafkaAlone)
  expect([sent.status, sent.said]).toEqual([
    0,
    expect.stringContaining(`on Kafka at ${kafka.bootstrap}:\n{"event_type"`),
  ])
})

test('where Kafka cannot be reached, the scripts say so', { timeout }, async () => {
  const KAFKA_BROKERS = `127.0.0.1:${await freePort()}`
  const { status, complained } = await runScript('tasks-send-event', ['--user', 'a'], { KAFKA_BROKERS })
  expect([status, complained]).toEqual([1, expect.stringContaining(`Kafka at ${KAFKA_BROKERS} could not be reached`)])
})
