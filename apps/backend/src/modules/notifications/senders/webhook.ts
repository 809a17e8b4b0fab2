import { createHmac } from 'node:crypto'
import { type Message, type Sender, SendRefused } from './sender.ts'

/** Options of {@link webhookSender}. */
export interface WebhookOptions {
  /** Where to: http or https, whose certificate is verified. */
  readonly url: string
  /** Signs what is sent: `whsec_` and the key in Base64, or any text. */
  readonly secret: string
}

/** Answers that are about what was sent: it will be the same at the next attempt. All others may change. */
const forGood = new Set([400, 410, 413, 415, 422])

/**
 * Posts JSON, signed as the Standard Webhooks say (https://www.standardwebhooks.com): `webhook-signature` is
 * `v1,` and the HMAC-SHA256, in Base64, of `webhook-id`, `webhook-timestamp` and the body, with points between.
 */
export function webhookSender({ url, secret }: WebhookOptions): Sender {
  return {
    name: 'webhook',
    send: async (message, signal) => {
      const body = bodyOf(message)
      const headers = headersOf(message.id, body, secret)
      // A redirect is not followed: the signed body would go to somebody else.
      const answer = await fetch(url, { method: 'POST', headers, body, signal, redirect: 'manual' }).catch(rethrow)
      await answer.body?.cancel()
      check(answer.status)
    },
  }
}

/** The HMAC of one delivery; receivers compute it the same way. */
export function signatureOf(id: string, timestamp: number, body: string, secret: string): string {
  const key = secret.startsWith('whsec_') ? Buffer.from(secret.slice('whsec_'.length), 'base64') : secret
  return `v1,${createHmac('sha256', key).update(`${id}.${timestamp}.${body}`).digest('base64')}`
}

function bodyOf({ id, userId, event, content, createdAt }: Message): string {
  return JSON.stringify({ id, user_id: userId, event, content, created_at: createdAt })
}

function headersOf(id: string, body: string, secret: string): Record<string, string> {
  const timestamp = Math.floor(Date.now() / 1_000)
  return {
    'content-type': 'application/json',
    'idempotency-key': id,
    'webhook-id': id,
    'webhook-timestamp': `${timestamp}`,
    'webhook-signature': signatureOf(id, timestamp, body, secret),
  }
}

/** `fetch failed` alone says nothing; the message of its cause tells where to, which is not for everybody. */
function rethrow(error: Error): never {
  const { code } = (error.cause ?? {}) as { readonly code?: string }
  throw code === undefined ? error : new Error(`the webhook cannot be reached: ${code}`, { cause: error })
}

function check(status: number): void {
  if (status >= 200 && status < 300) return
  const problem = `the webhook answered ${status}`
  throw forGood.has(status) ? new SendRefused(problem) : new Error(problem)
}
