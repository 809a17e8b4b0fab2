import { spawn } from 'node:child_process'
import { on, once } from 'node:events'
import { createInterface } from 'node:readline'
import { fileURLToPath } from 'node:url'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import type { Database, Lease } from '../../ports/database.ts'
import { Server } from './server.fixture.ts'

let server: Server

beforeAll(async () => {
  server = await Server.create()
})

afterAll(() => server[Symbol.asyncDispose]())

/** Takes a lock as soon as nobody else has it. */
async function lockWhenFree(database: Database, name: string): Promise<Lease> {
  for (;;) {
    const lease = await database.tryLock(name)
    if (lease) return lease
  }
}

function counter(): { readonly called: () => void; readonly reaches: (count: number) => Promise<void>; count: number } {
  const waiting: { readonly count: number; readonly resolve: () => void }[] = []
  const state = {
    count: 0,
    called: () => {
      state.count += 1
      for (const { count, resolve } of waiting) if (state.count >= count) resolve()
    },
    reaches: (count: number) =>
      new Promise<void>((resolve) => {
        waiting.push({ count, resolve })
        if (state.count >= count) resolve()
      }),
  }
  return state
}

describe('a lease', () => {
  test('is held by one at a time, of several processes and within one', async () => {
    const [a, b] = [server.connect(), server.connect()]
    const attempts = await Promise.all([a.tryLock('one'), a.tryLock('one'), b.tryLock('one'), a.tryLock('one')])
    const held = attempts.filter((lease) => lease !== undefined)
    expect(held).toHaveLength(1)
    expect(await b.tryLock('another')).toBeDefined()
    await held[0]?.release()
    const next = await b.tryLock('one')
    expect(next).toBeDefined()
    expect(await a.tryLock('one')).toBeUndefined()
  })

  test('that was released does not take the next one’s lock with it when it is released again', async () => {
    const [a, b] = [server.connect(), server.connect()]
    const first = await a.tryLock('twice')
    await first?.release()
    const second = await a.tryLock('twice')
    await first?.release()
    expect(second).toBeDefined()
    expect(await b.tryLock('twice')).toBeUndefined()
  })

  test('says that it is lost when its session dies; another process gets it, and then this one again', async () => {
    const [a, b] = [server.connect({ applicationName: 'dying' }), server.connect()]
    const lease = await a.tryLock('lost')
    const lost = once(lease?.lost ?? new EventTarget(), 'abort')
    expect(await server.kill('dying')).toBe(1)
    await lost
    const taken = await lockWhenFree(b, 'lost')
    // Releasing what is lost does no harm.
    await lease?.release()
    expect(taken.lost.aborted).toBe(false)
    await taken.release()
    expect(await a.tryLock('lost')).toBeDefined()
  })

  test('is freed by the server when its process is stopped, which learns of it when it goes on', async () => {
    const program = fileURLToPath(new URL('./locker.fixture.ts', import.meta.url))
    const child = spawn(process.execPath, [program, server.url, 'stopped', '400'], {
      stdio: ['ignore', 'pipe', 'inherit'],
    })
    try {
      const lines = on(createInterface(child.stdout), 'line')
      expect((await lines.next()).value).toEqual(['locked'])
      const database = server.connect()
      expect(await database.tryLock('stopped')).toBeUndefined()
      child.kill('SIGSTOP')
      await lockWhenFree(database, 'stopped')
      child.kill('SIGCONT')
      expect((await lines.next()).value).toEqual(['lost'])
    } finally {
      child.kill('SIGKILL')
    }
  })
})

describe('notifications', () => {
  test('reach every listener of their channel, in this process and in others', async () => {
    const [a, b] = [server.connect(), server.connect()]
    const heard = [counter(), counter(), counter(), counter()] as const
    // The first makes the session; the next two come at the same time.
    await a.listen('other', heard[3].called)
    await Promise.all([a.listen('news', heard[0].called), a.listen('news', heard[1].called)])
    await b.listen('news', heard[2].called)
    a.notify('news')
    await Promise.all([heard[0].reaches(1), heard[1].reaches(1), heard[2].reaches(1)])
    expect(heard[3].count).toBe(0)
  })

  test('of a few milliseconds go out as one', async () => {
    const database = server.connect()
    const heard = counter()
    const ended = counter()
    await database.listen('many', heard.called)
    await database.listen('end', ended.called)
    for (let i = 0; i < 1_000; i += 1) database.notify('many')
    database.notify('end')
    await ended.reaches(1)
    expect(heard.count).toBe(1)
  })

  test('are not heard any more once a listener has stopped', async () => {
    const database = server.connect()
    const [stopped, other] = [counter(), counter()]
    const stop = await database.listen('stop', stopped.called)
    await database.listen('stop', other.called)
    await stop()
    database.notify('stop')
    await other.reaches(1)
    expect(stopped.count).toBe(0)
  })

  test('are heard again after the session was lost, and the listener is called once as it may have missed some', async () => {
    const database = server.connect({ applicationName: 'deaf' })
    const heard = counter()
    await database.listen('again', heard.called)
    expect(await server.kill('deaf')).toBe(1)
    await heard.reaches(1)
    const sender = server.connect()
    sender.notify('again')
    await heard.reaches(2)
    expect(heard.count).toBe(2)
  })
})
