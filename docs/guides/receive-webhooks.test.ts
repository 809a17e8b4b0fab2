import { once } from 'node:events'
import { createServer } from 'node:http'
import { text } from 'node:stream/consumers'
import { expect, test } from 'vitest'
import { webhookSender } from '../../apps/backend/src/modules/notifications/senders/webhook.ts'
import { isGenuine } from './receive-webhooks.ts'

/** A webhook as it is sent, signed with this secret. */
async function webhook(secret: string): Promise<{ headers: Headers; body: string }> {
  const received = Promise.withResolvers<{ headers: Headers; body: string }>()
  const server = createServer(async (request, response) => {
    const body = await text(request)
    response.writeHead(204).end()
    received.resolve({ headers: new Headers(Object.entries(request.headers) as [string, string][]), body })
  }).listen(0, '127.0.0.1')
  await once(server, 'listening')
  const address = server.address()
  const url = `http://127.0.0.1:${typeof address === 'object' ? address?.port : ''}/`
  const message = { id: crypto.randomUUID(), userId: 'ada', event: 'welcome', content: 'Grüße', createdAt: new Date() }
  await webhookSender({ url, secret }).send(message, AbortSignal.timeout(5_000))
  server.closeAllConnections()
  server.close()
  return received.promise
}

test.each(['a secret', 'whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw'])(
  'a receiver knows a genuine webhook (%s)',
  async (secret) => {
    const { headers, body } = await webhook(secret)
    expect(isGenuine(headers, body, secret)).toBe(true)
  },
)

test('a receiver knows one that is forged, changed, old or not signed', async () => {
  const { headers, body } = await webhook('a secret')
  const changed = (name: string, value: string) => {
    const copy = new Headers(headers)
    copy.set(name, value)
    return copy
  }
  const old = `${Number(headers.get('webhook-timestamp')) - 400}`
  expect(isGenuine(headers, body, 'another')).toBe(false)
  expect(isGenuine(headers, `${body} `, 'a secret')).toBe(false)
  expect(isGenuine(changed('webhook-timestamp', old), body, 'a secret')).toBe(false)
  expect(isGenuine(changed('webhook-timestamp', 'now'), body, 'a secret')).toBe(false)
  expect(isGenuine(changed('webhook-id', crypto.randomUUID()), body, 'a secret')).toBe(false)
  expect(isGenuine(new Headers(), body, 'a secret')).toBe(false)
})
