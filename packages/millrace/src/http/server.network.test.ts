import { once } from 'node:events'
import { Agent } from 'node:http'
import { connect } from 'node:net'
import { text } from 'node:stream/consumers'
import { setTimeout as sleep } from 'node:timers/promises'
import { describe, expect, test } from 'vitest'
import { defineRoutes } from './routes.ts'
import { get, serve } from './server.fixture.ts'

describe('the network', () => {
  test('what is not HTTP is answered as a problem', async () => {
    const { server } = serve()
    await server.start?.()
    const socket = connect(Number(new URL(server.url).port), '127.0.0.1')
    socket.end('NONSENSE\r\n\r\n')
    expect(await text(socket)).toMatch(/^HTTP\/1.1 400 Bad Request\r\n[\s\S]*"code":"REQUEST_UNREADABLE"/)
    await server.stop?.()
  })

  test('headers that are too large are answered as a problem', async () => {
    const { server } = serve()
    await server.start?.()
    const answer = await get(server.url, '/health/live', { headers: { cookie: 'x'.repeat(40_000) } })
    expect(answer.statusCode).toBe(431)
    expect(JSON.parse(await text(answer))).toMatchObject({ code: 'HEADERS_TOO_LARGE' })
    await server.stop?.()
  })

  test('a port that is taken is named', async () => {
    const { server } = serve()
    await server.start?.()
    const port = Number(new URL(server.url).port)
    await expect(serve({ port }).server.start?.()).rejects.toMatchObject({ code: 'LISTEN_FAILED', details: { port } })
    await server.stop?.()
  })
})

describe('stopping', () => {
  test('is not ready first, ends what is under way, and closes kept connections', async () => {
    const entered = Promise.withResolvers<void>()
    const released = Promise.withResolvers<void>()
    const slow = defineRoutes((route) => {
      route.get('/', async () => {
        entered.resolve()
        await released.promise
        return { done: true }
      })
    })
    const { server } = serve({ appRoutes: slow, drainDelay: 200 })
    await server.start?.()
    const agent = new Agent({ keepAlive: true })
    const underWay = get(server.url, '/', { agent })
    await entered.promise
    const stopped = server.stop?.()
    const ready = await get(server.url, '/health/ready', { agent })
    expect([ready.statusCode, ready.headers.connection]).toEqual([503, 'close'])
    ready.resume()
    released.resolve()
    const answer = await underWay
    expect([answer.statusCode, answer.headers.connection]).toEqual([200, 'close'])
    expect(JSON.parse(await text(answer))).toEqual({ done: true })
    await stopped
    await expect(get(server.url, '/health/ready')).rejects.toThrow()
    agent.destroy()
  })

  test('answers what arrived while the process was too busy to look', async () => {
    const { server } = serve({ drainDelay: 50 })
    await server.start?.()
    const socket = connect(Number(new URL(server.url).port), '127.0.0.1')
    await once(socket, 'connect')
    socket.write('GET /things/1 HTTP/1.1\r\nhost: test\r\n\r\n')
    await once(socket, 'data')
    const stopped = server.stop?.()
    socket.write('GET /things/2 HTTP/1.1\r\nhost: test\r\n\r\n')
    const until = performance.now() + 200
    while (performance.now() < until);
    expect(await text(socket)).toMatch(/^HTTP\/1.1 200 OK\r\n[\s\S]*connection: close[\s\S]*"id":2/)
    await stopped
  })

  test('serves on while those who send requests have not noticed, and ends soon after they have', async () => {
    const { server } = serve({ drainDelay: 50 })
    await server.start?.()
    const { url } = server
    const stopped = server.stop?.()
    for (let nth = 0; nth < 20; nth += 1) {
      const answer = await get(url, '/things/1')
      expect([answer.statusCode, answer.headers.connection]).toEqual([200, 'close'])
      answer.resume()
      await sleep(20)
    }
    const began = performance.now()
    // Nobody sends any more, but for those who ask whether it is alive.
    const asking = setInterval(() => get(url, '/health/live').then(text, () => {}), 20)
    await stopped
    clearInterval(asking)
    expect(performance.now() - began).toBeLessThan(2_000)
  })

  test('does not wait for ever for those who never notice', async () => {
    const { server } = serve({ drainDelay: 50, drainTimeout: 300 })
    await server.start?.()
    const { url } = server
    const sending = setInterval(() => get(url, '/things/1').then(text, () => {}), 10)
    const began = performance.now()
    await server.stop?.()
    clearInterval(sending)
    const tookMs = performance.now() - began
    expect(tookMs).toBeGreaterThan(340)
    expect(tookMs).toBeLessThan(3_000)
  })

  test('cuts off, after its bound, what does not end', async () => {
    const { server, lines } = serve({
      appRoutes: defineRoutes((route) => {
        route.get('/', () => new Promise(() => {}))
      }),
      drainTimeout: 100,
    })
    await server.start?.()
    const endless = get(server.url, '/')
    const cut = expect(endless).rejects.toThrow()
    await get(server.url, '/health/live').then((answer) => answer.resume())
    await server.stop?.()
    await cut
    expect(lines.join('')).toContain('cut off')
  })
})
