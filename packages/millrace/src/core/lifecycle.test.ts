import { expect, test } from 'vitest'
import { Lifecycle, type Part } from './lifecycle.ts'

/** A lifecycle and what happens in it, in order. */
function lifecycle(...parts: readonly Part[]) {
  const said: string[] = []
  const told = parts.map(
    (part): Part => ({
      name: part.name,
      ...(part.stopWithin !== undefined && { stopWithin: part.stopWithin }),
      start: async () => {
        said.push(`start ${part.name}`)
        await part.start?.()
      },
      stop: async () => {
        said.push(`stop ${part.name}`)
        await part.stop?.()
      },
    }),
  )
  const life = new Lifecycle(told, (part, problem) => said.push(`${part}: ${problem}`))
  return { life, said }
}

const never = () => new Promise<void>(() => {})

test('parts start in order, each when the one before has, and stop in the reverse order', async () => {
  const { life, said } = lifecycle({ name: 'a' }, { name: 'b' }, { name: 'c' })
  await life.start()
  await life.stop()
  expect(said).toEqual(['start a', 'start b', 'start c', 'stop c', 'stop b', 'stop a'])
})

test('parts need neither', async () => {
  const life = new Lifecycle([{ name: 'bare' }], () => {})
  await life.start()
  await life.stop()
})

test('a failed start stops what had started, itself included, and says which part and why', async () => {
  const cause = new Error('port taken')
  const { life, said } = lifecycle({ name: 'a' }, { name: 'b', start: () => Promise.reject(cause) }, { name: 'c' })
  await expect(life.start()).rejects.toMatchObject({
    code: 'START_FAILED',
    details: { part: 'b', reason: 'port taken' },
    cause,
  })
  expect(said).toEqual(['start a', 'start b', 'stop b', 'stop a'])
})

test('a part that does not stop within its bound is named, and the others stop', async () => {
  const { life, said } = lifecycle({ name: 'a' }, { name: 'stuck', stopWithin: 5, stop: never })
  await life.start()
  await life.stop()
  expect(said.slice(2)).toEqual(['stop stuck', 'stuck: it did not stop within 5 ms', 'stop a'])
})

test('a part that fails to stop is named, and the others stop', async () => {
  const { life, said } = lifecycle({ name: 'a' }, { name: 'bad', stop: () => Promise.reject(new Error('no')) })
  await life.start()
  await life.stop()
  expect(said.slice(2)).toEqual(['stop bad', 'bad: no', 'stop a'])
})

test('stopping twice stops once', async () => {
  const { life, said } = lifecycle({ name: 'a' })
  await life.start()
  await Promise.all([life.stop(), life.stop()])
  await life.stop()
  expect(said).toEqual(['start a', 'stop a'])
})

test('stopping while it starts starts nothing more', async () => {
  const gate = Promise.withResolvers<void>()
  const { life, said } = lifecycle({ name: 'a' }, { name: 'b', start: () => gate.promise }, { name: 'c' })
  const started = life.start()
  while (!said.includes('start b')) await new Promise(setImmediate)
  const stopped = life.stop()
  gate.resolve()
  await expect(started).rejects.toMatchObject({ code: 'SHUTTING_DOWN' })
  await stopped
  expect(said).toEqual(['start a', 'start b', 'stop b', 'stop a'])
})
