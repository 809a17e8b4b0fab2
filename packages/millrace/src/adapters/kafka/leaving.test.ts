import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { join } from 'node:path'
import { expect, onTestFinished, test } from 'vitest'
import { stageOn, theBrokers } from './kafka.fixture.ts'

test('members that leave amid a join leave nothing behind: their process ends by itself', {
  timeout: 60_000,
}, async () => {
  await using stage = stageOn(theBrokers())
  const topic = await stage.topic(4)
  const script = join(import.meta.dirname, 'leaving.fixture.ts')
  const child = spawn(process.execPath, [script, theBrokers().join(), topic], {
    stdio: ['ignore', 'ignore', 'inherit'],
  })
  onTestFinished(() => void child.kill('SIGKILL'))
  const late = setTimeout(() => child.kill('SIGKILL'), 30_000)
  const [code, signal] = await once(child, 'exit')
  clearTimeout(late)
  expect({ code, signal }).toEqual({ code: 0, signal: null })
})
