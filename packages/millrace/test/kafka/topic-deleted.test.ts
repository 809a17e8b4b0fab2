import { expect, test } from 'vitest'
import * as z from 'zod'
import { defineConsumer, defineModule, defineTopic } from '../../src/index.ts'
import { testApp } from '../../src/testing/index.ts'
import { nameOnCluster, theCluster } from './cluster.fixture.ts'

const soon = { timeout: 15_000 }

function numbers(name: string) {
  const events = { Number: z.object({ n: z.int() }) }
  return defineTopic(name, { key: (event) => String(event.data.n), publish: 'direct', events })
}
const kept = numbers('kept')
const doomed = numbers('doomed')

test('one of a consumer’s two topics is deleted: the other goes on, and progress names the missing one', async () => {
  const seen: string[] = []
  const consumer = defineConsumer({
    name: 'both',
    topic: [kept, doomed],
    on: { Number: ({ topic, data }) => void seen.push(`${topic} ${data.n}`) },
  })
  const module = defineModule({ name: 'numbers', topics: [kept, doomed], consumers: [consumer] })
  await using t = await testApp({ modules: [module], kafkaOptions: { topicRefresh: '100ms', sessionTimeout: '2s' } })
  await t.millrace.publish(kept.events.Number({ n: 1 }))
  await t.millrace.publish(doomed.events.Number({ n: 1 }))
  await t.settled()

  await theCluster().admin.deleteTopics({ topics: [nameOnCluster(t, 'doomed')] })
  const progress = async () => (await t.http.get('/health/progress')).json()
  await expect.poll(progress, soon).toMatchObject({
    ok: false,
    consumers: [{ name: 'both', ok: false, problem: expect.stringContaining('doomed') }],
  })

  for (let n = 2; n < 20; n += 1) await t.millrace.publish(kept.events.Number({ n }))
  await expect.poll(() => seen.length, soon).toBe(20)
  expect(new Set(seen).size).toBe(20)
})
