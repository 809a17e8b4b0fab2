import { once } from 'node:events'
import { createServer, type RequestListener } from 'node:http'
import type { AddressInfo } from 'node:net'
import { text } from 'node:stream/consumers'
import { expect, onTestFinished, test } from 'vitest'
import { misfitsOf } from './misfits.ts'
import { type Request, send } from './request.ts'

/** Sends a request to a server that answers so. */
async function ask(answer: RequestListener, request: Partial<Request> = {}) {
  const server = createServer(answer).listen(0, '127.0.0.1')
  onTestFinished(() => void server.close().closeAllConnections())
  await once(server, 'listening')
  return send({ path: `http://127.0.0.1:${(server.address() as AddressInfo).port}/x`, ...request })
}

test('what is asked arrives, and the answer comes back', async () => {
  const answer = await ask(
    async ({ method, url, headers, ...rest }, response) => {
      const body = await text(rest as never).catch(() => '')
      response.end(JSON.stringify({ method, url, type: headers['content-type'], bears: headers.authorization, body }))
    },
    { method: 'GET', query: { limit: 10, after: undefined, priority: 'a&b' }, token: 't' },
  )
  expect(answer).toMatchObject({ method: 'GET', url: '/x?limit=10&priority=a%26b', bears: 'Bearer t' })
})

test('a body is JSON; an empty answer is nothing', async () => {
  const got: string[] = []
  const answer = await ask(
    async (request, response) => {
      got.push(request.headers['content-type'] ?? '', await text(request))
      response.writeHead(204).end()
    },
    { method: 'POST', body: { a: 1 } },
  )
  expect(answer).toBeUndefined()
  expect(got).toEqual(['application/json', '{"a":1}'])
})

test('a problem is told as the server says it', async () => {
  const problem = {
    ...{
      code: 'REQUEST_INVALID',
      status: 422,
      detail: 'It does not fit.',
      remedy: 'See /docs.',
      instance: 'request-1',
    },
    errors: [{ path: 'body.title', message: 'must not be empty' }],
  }
  const asked = ask((_request, response) => {
    response.writeHead(422, { 'content-type': 'application/problem+json; charset=utf-8' }).end(JSON.stringify(problem))
  })
  const error = await asked.catch((thrown) => thrown)
  expect(error).toMatchObject({
    ...{ code: 'REQUEST_INVALID', status: 422, message: 'It does not fit.', remedy: 'See /docs.' },
    requestId: 'request-1',
  })
  expect(misfitsOf(error, { title: '' })).toEqual({ title: 'Must not be empty' })
  expect(misfitsOf(error, { name: '' })).toEqual({})
  expect(misfitsOf(new Error('another'), { title: '' })).toEqual({})
})

test.each([
  ['text/html', '<h1>Bad gateway</h1>'],
  ['application/problem+json', 'not JSON'],
])('what a proxy answers as %s is told by its status', async (type, body) => {
  const asked = ask((_request, response) => response.writeHead(502, { 'content-type': type }).end(body))
  await expect(asked).rejects.toMatchObject({
    code: 'HTTP_502',
    status: 502,
    message: 'The answer was 502 Bad Gateway.',
  })
})

test('a server that is not there cannot be reached', async () => {
  const asked = ask((request) => void request.socket.destroy())
  await expect(asked).rejects.toMatchObject({ code: 'UNREACHABLE', status: 0 })
})

test('whoever does not want the answer any more is not told of a failure of the server', async () => {
  const controller = new AbortController()
  const asked = ask(() => controller.abort(new Error('gone')), { signal: controller.signal })
  await expect(asked).rejects.toThrow('gone')
})
