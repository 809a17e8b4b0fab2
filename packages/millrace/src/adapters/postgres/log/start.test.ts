import { spawn } from 'node:child_process'
import { text } from 'node:stream/consumers'
import { fileURLToPath } from 'node:url'
import { expect, onTestFinished, test } from 'vitest'
import { createPostgresDatabase } from '../index.ts'
import { createPostgresBroker } from './index.ts'
import { createTestLog } from './log.fixture.ts'

test('a start that fails half way leaves nothing running', async () => {
  await using log = await createTestLog()
  const script = fileURLToPath(new URL('./failed-start.fixture.ts', import.meta.url))
  const child = spawn(process.execPath, [script, log.url], { stdio: ['ignore', 'pipe', 'inherit'] })
  onTestFinished(() => void child.kill('SIGKILL'))
  const exited = new Promise((resolve) => child.once('exit', resolve))

  expect(await text(child.stdout)).toBe('no listening today')
  expect(await exited).toBe(0)
})

test('a stop during the start stops what the start still begins', async () => {
  await using log = await createTestLog()
  const database = createPostgresDatabase({ url: log.url })
  const begun = Promise.withResolvers<void>()
  const goOn = Promise.withResolvers<void>()
  let listening = 0
  const listen = async (channel: string, onNotify: () => void) => {
    begun.resolve()
    await goOn.promise
    const remove = await database.listen(channel, onNotify)
    listening += 1
    return async () => {
      listening -= 1
      await remove()
    }
  }
  const slow = new Proxy(database, {
    get(target, name) {
      const found: unknown = name === 'listen' ? listen : Reflect.get(target, name)
      return typeof found === 'function' ? found.bind(target) : found
    },
  })
  const broker = createPostgresBroker({ database: slow })

  const starting = broker.start().catch(() => {})
  await begun.promise
  const stopping = broker.stop()
  goOn.resolve()
  await Promise.all([starting, stopping])

  expect(listening).toBe(0)
  await database.stop()
})
