import { expect, test } from 'vitest'
import * as z from 'zod'
import { defineConsumer, defineModule, defineTopic } from '../src/index.ts'
import { testApp } from '../src/testing/index.ts'

const numbers = defineTopic('numbers', {
  key: (event) => event.data.key,
  events: { Counted: z.object({ key: z.string(), n: z.int() }), Doubled: z.object({ key: z.string(), n: z.int() }) },
})
const { Counted, Doubled } = numbers.events

function module() {
  const handled: string[] = []
  const double = defineConsumer({
    name: 'double',
    topic: numbers,
    on: {
      Counted: (event, unit) => {
        handled.push(`${event.data.key}${event.data.n}`)
        unit.publish(Doubled({ key: event.data.key, n: event.data.n * 2 }))
      },
    },
  })
  return { handled, module: defineModule({ name: 'numbers', topics: [numbers], consumers: [double] }) }
}

test('an event goes from a unit of work through the log to its consumer, and what that publishes too', async () => {
  const { handled, module: numbersModule } = module()
  await using t = await testApp({ modules: [numbersModule] })
  await t.millrace.transaction(async (unit) => {
    for (let n = 0; n < 10; n += 1) unit.publish(Counted({ key: 'a', n }))
  })
  await t.settled()
  expect(handled).toEqual(Array.from({ length: 10 }, (_, n) => `a${n}`))
  expect((await t.published(Doubled)).map((event) => event.data.n)).toEqual(Array.from({ length: 10 }, (_, n) => 2 * n))
})
