import { once } from 'node:events'
import { createServer as createHttpServer } from 'node:http'
import { createServer } from 'node:net'
import { text } from 'node:stream/consumers'
import { createTestDatabase } from 'millrace/testing'
import { describe, expect, test } from 'vitest'
import { addressOf, failureOf, run } from './process.fixture.ts'

describe('the process', () => {
  test('starts on a database, serves, and ends in order on SIGTERM', async () => {
    await using database = await createTestDatabase()
    const child = run({ DATABASE_URL: database.url, PORT: '0' })
    const address = await addressOf(child)
    expect(await (await fetch(address)).json()).toEqual({ Hello: 'Millrace' })
    expect((await fetch(`${address}/health/ready`)).status).toBe(200)
    child.kill('SIGTERM')
    expect(await once(child, 'exit')).toEqual([0, null])
  })

  test('sends spans where OTEL_EXPORTER_OTLP_ENDPOINT says, the last ones as it ends', async () => {
    await using database = await createTestDatabase()
    let received = ''
    const receiver = createHttpServer(async (request, response) => {
      received += `${request.url} ${await text(request)}`
      response.end()
    }).listen(0, '127.0.0.1')
    await once(receiver, 'listening')
    const address = receiver.address()
    const endpoint = `http://127.0.0.1:${typeof address === 'object' && address ? address.port : 0}`
    const exporting = { OTEL_EXPORTER_OTLP_ENDPOINT: endpoint, OTEL_SERVICE_NAME: 'the-service' }
    const child = run({ DATABASE_URL: database.url, PORT: '0', ...exporting })
    const ended = once(child, 'exit')
    await fetch(await addressOf(child))
    child.kill('SIGTERM')
    expect(await ended).toEqual([0, null])
    expect(received).toContain('/v1/traces')
    expect(received).toContain('GET /')
    expect(received).toContain('the-service')
    receiver.close()
  })

  test.each([['a-token', 200] as const, [undefined, 401] as const])(
    'lets operators in by ADMIN_TOKEN, and nobody without it (%s: %i)',
    async (token, status) => {
      await using database = await createTestDatabase()
      const child = run({ DATABASE_URL: database.url, PORT: '0', ...(token && { ADMIN_TOKEN: token }) })
      const answer = await fetch(`${await addressOf(child)}/admin/consumers`, {
        headers: { authorization: `Bearer ${token}` },
      })
      expect(answer.status).toBe(status)
      child.kill('SIGTERM')
      await once(child, 'exit')
    },
  )

  test('serves orders alone, at the root', async () => {
    await using database = await createTestDatabase()
    const child = run({ DATABASE_URL: database.url, PORT: '0', MODULES: 'orders', ORDERS_PREFIX: '/' })
    const address = await addressOf(child)
    const headers = { 'content-type': 'application/json' }
    const answer = await fetch(address, { method: 'POST', headers, body: '{"item":"tea","quantity":1}' })
    expect([answer.status, await (await fetch(`${address}/`)).json()]).toEqual([201, [await answer.json()]])
    expect((await fetch(`${address}/docs`)).status).toBe(200)
    child.kill('SIGTERM')
    expect(await once(child, 'exit')).toEqual([0, null])
  })

  test('tells all that is wrong with its configuration, and no secret', async () => {
    const failure = await failureOf(run({ PORT: 'x', ROLES: 'y', DATABASE_URL: 'mysql://u:hunter2@h/d' }))
    expect(failure.status).toBe(1)
    expect(failure.text).toMatch(/^The configuration has 3 problem\(s\):\n- PORT is "x"/)
    expect(failure.text).not.toContain('hunter2')
  })

  test('tells that its port is taken, and what to do', async () => {
    await using database = await createTestDatabase()
    const taken = createServer().listen(0, '127.0.0.1')
    await once(taken, 'listening')
    const address = taken.address()
    const port = typeof address === 'object' && address ? address.port : 0
    const failure = await failureOf(run({ DATABASE_URL: database.url, PORT: `${port}` }))
    expect(failure).toMatchObject({ status: 1, text: expect.stringContaining(`cannot listen on 127.0.0.1:${port}`) })
    expect(failure.text).toContain('set PORT to another one')
    taken.close()
  })

  test('tells that its database cannot be reached', async () => {
    const failure = await failureOf(run({ DATABASE_URL: 'postgres://u:hunter2@127.0.0.1:1/d', PORT: '0' }))
    expect(failure.status).toBe(1)
    expect(failure.text).toContain('DATABASE_UNAVAILABLE')
    expect(failure.text).not.toContain('hunter2')
  })
})
