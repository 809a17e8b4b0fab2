import { randomBytes } from 'node:crypto'
import { setFlagsFromString } from 'node:v8'
import { runInNewContext } from 'node:vm'
import { expect, test } from 'vitest'
import * as z from 'zod'
import { defineConsumer, defineModule, defineTopic } from '../../src/index.ts'
import { testApp } from '../../src/testing/index.ts'
import { until } from '../faults/until.ts'

const recordBytes = 400_000
const records = 250
/** Of the 100 MB that wait: what is fetched ahead, decoded, and under way, and what the test itself holds. */
const mostBytes = 16_000_000

const blobs = defineTopic('blobs', {
  events: { Blob: z.object({ n: z.int(), filler: z.string() }) },
})

setFlagsFromString('--expose-gc')
const collectGarbage = runInNewContext('gc') as () => void

function heldBytes(): number {
  collectGarbage()
  const { heapUsed, arrayBuffers } = process.memoryUsage()
  return heapUsed + arrayBuffers
}

test('a handler that is slow takes no memory for what waits behind it', { timeout: 120_000 }, async () => {
  const entered = Promise.withResolvers<void>()
  const mayGoOn = Promise.withResolvers<void>()
  /** In the order they came first: a handler that takes too long loses its transaction, and is run again. */
  const seen = new Set<number>()
  const consumer = defineConsumer({
    name: 'slow',
    topic: blobs,
    on: {
      Blob: async ({ data: { n } }) => {
        entered.resolve()
        await mayGoOn.promise
        seen.add(n)
      },
    },
  })
  const modules = [defineModule({ name: 'blobs', topics: [blobs], consumers: [consumer] })]
  await using t = await testApp({ modules, topicPartitions: 1 })
  const publish = (n: number) =>
    t.produce({ topic: 'blobs', value: Buffer.from(JSON.stringify({ n, filler: filler() })) })
  await publish(0)
  await entered.promise
  const before = heldBytes()
  // As many round trips as would fetch all of it.
  for (let n = 1; n < records; n += 1) await publish(n)
  let grown = 0
  // Answers that are on their way, and their memory, go after a moment; what is kept stays.
  const isLittle = () => {
    grown = heldBytes() - before
    return grown < mostBytes
  }
  await until('little is held of what waits', isLittle, 5_000).finally(() => {
    process.stdout.write(`slow handler: ${Math.round(grown / 1e6)} MB held of ${(records * recordBytes) / 1e6}\n`)
  })

  mayGoOn.resolve()
  await until('all are handled', () => seen.size === records, 60_000)
  expect([...seen]).toEqual(Array.from({ length: records }, (_, n) => n))
  await until('as little is held as before', isLittle, 5_000)
})

/** Nothing that a broker could make smaller. */
function filler(): string {
  return randomBytes(recordBytes / 2).toString('hex')
}
