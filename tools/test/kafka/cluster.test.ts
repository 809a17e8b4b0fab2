import { existsSync } from 'node:fs'
import { expect, onTestFinished, test } from 'vitest'
import { freePort, type KafkaOptions, runKafkaTool, startKafka } from '../../src/kafka/index.ts'
import { brokersKnownAt } from '../../src/kafka/metadata.ts'
import { isAlive, runProgram, stateOf, testFolder, until } from '../servers/programs.fixture.ts'
import { consume, needsKafka } from './testbed.fixture.ts'

needsKafka()

async function start(options: KafkaOptions = {}) {
  const kafka = await startKafka(options)
  onTestFinished(() => kafka.stop())
  const [broker] = kafka.brokers
  if (!broker) throw new Error('There is no broker.')
  return { kafka, broker }
}

test('keeps what was produced over kill -9, and nothing is left at the end', async () => {
  const { kafka, broker } = await start()
  const [pid, address] = [broker.pid, kafka.bootstrap]
  await runKafkaTool(kafka, 'topics', ['--create', '--topic', 'teas', '--partitions', '1'])
  await runKafkaTool(kafka, 'console-producer', ['--topic', 'teas'], { input: 'oolong\nsencha\n' })
  await broker.kill()

  expect(broker.isRunning).toBe(false)
  expect(isAlive(pid)).toBe(false)

  await broker.start()

  expect(broker.isRunning).toBe(true)
  expect(kafka.bootstrap).toBe(address)
  expect(await consume(kafka, 'teas', 2)).toEqual(['oolong', 'sencha'])

  await kafka.stop()

  expect(isAlive(broker.pid)).toBe(false)
  expect(existsSync(kafka.directory)).toBe(false)
})

test('takes clients by TLS and SASL, too', async () => {
  const { kafka, broker } = await start({ secure: true })
  await runKafkaTool(kafka, 'topics', ['--create', '--topic', 'teas', '--partitions', '1'])
  await runKafkaTool(kafka, 'console-producer', ['--topic', 'teas'], { input: 'oolong\n' })
  const { bootstrap = '', ca, clientFile = '', mechanisms } = kafka.secure ?? {}
  const { stdout } = await runKafkaTool(bootstrap, 'console-consumer', [
    ...['--topic', 'teas', '--from-beginning', '--max-messages', '1'],
    ...['--command-config', clientFile],
  ])

  expect(stdout.toString()).toBe('oolong\n')
  expect(bootstrap).toBe(`127.0.0.1:${broker.securePort}`)
  expect(ca).toMatch(/^-----BEGIN CERTIFICATE-----\n[^\r]+\n-----END CERTIFICATE-----\n$/)
  expect(mechanisms).toContain('SCRAM-SHA-512')
})

test('tells clients of a proxy’s listener where the proxy is, and stands still while it is paused', async () => {
  const proxyPort = await freePort()
  const { kafka, broker } = await start({ proxyPorts: [proxyPort] })

  expect(kafka.proxied).toEqual({ bootstrap: `127.0.0.1:${proxyPort}` })
  expect(await brokersKnownAt(broker.proxiedPort ?? 0)).toEqual([{ id: 1, host: '127.0.0.1', port: proxyPort }])
  expect(await brokersKnownAt(broker.port)).toEqual([{ id: 1, host: '127.0.0.1', port: broker.port }])

  broker.pause()
  await until(async () => (await stateOf(broker.pid)).startsWith('T'))
  const answer = brokersKnownAt(broker.port)
  broker.resume()

  expect(await answer).toHaveLength(1)
})

test('three brokers make a cluster that goes on without one of them', async () => {
  const { kafka, broker } = await start({ brokers: 3 })
  const known = await Promise.all(kafka.brokers.map(({ port }) => brokersKnownAt(port)))

  expect(known.map((brokers) => brokers.map(({ id }) => id).sort())).toEqual([1, 2, 3].map(() => [1, 2, 3]))

  await runKafkaTool(kafka, 'topics', ['--create', '--topic', 'teas', '--partitions', '3'])
  await broker.kill()
  await runKafkaTool(kafka, 'console-producer', ['--topic', 'teas'], { input: 'oolong\n' })

  expect(await consume(kafka, 'teas', 1)).toEqual(['oolong'])
})

test('nothing is left when its owner is killed', async () => {
  const owner = runProgram('test/kafka/owner.fixture.ts', [])
  const { value } = await owner.lines.next()
  const { pids, directory } = JSON.parse(value) as { pids: number[]; directory: string }

  expect(pids.map(isAlive)).toEqual([true, true])
  expect(existsSync(directory)).toBe(true)

  owner.process.kill('SIGKILL')
  await until(() => !pids.some(isAlive) && !existsSync(directory))
})

test('says what Kafka said when it does not start', async () => {
  await expect(startKafka({ settings: { 'num.io.threads': 'many' } })).rejects.toThrow(
    /node 1 ended with.*Invalid value many .*num\.io\.threads/s,
  )
})

test('does not take the data of a Kafka that runs, nor of another number of brokers', async () => {
  const directory = await testFolder()
  const { kafka } = await start({ directory })

  await expect(startKafka({ directory })).rejects.toThrow('is in use by another Kafka. Process')

  await kafka.stop()

  await expect(startKafka({ directory, brokers: 3 })).rejects.toThrow('has the data of a Kafka of 1')
})
