// The code of notifications.md for receivers of webhooks: receive-webhooks.test.ts runs it.
// #region verify
import { createHmac, timingSafeEqual } from 'node:crypto'

/** How old a request may be, in seconds: an older one may be somebody's recording. */
const oldest = 300

/** Whether a webhook comes from who has the secret, and is what was sent. `body` is the text as it came, before parsing. */
export function isGenuine(headers: Headers, body: string, secret: string): boolean {
  const timestamp = Number(headers.get('webhook-timestamp'))
  if (!(Math.abs(Date.now() / 1_000 - timestamp) <= oldest)) return false
  const key = secret.startsWith('whsec_') ? Buffer.from(secret.slice('whsec_'.length), 'base64') : secret
  const signed = `${headers.get('webhook-id')}.${timestamp}.${body}`
  const expected = Buffer.from(`v1,${createHmac('sha256', key).update(signed).digest('base64')}`)
  const given = Buffer.from(headers.get('webhook-signature') ?? '')
  return given.length === expected.length && timingSafeEqual(given, expected)
}
// #endregion verify
