import { once } from 'node:events'
import type { AddressInfo } from 'node:net'
import { text } from 'node:stream/consumers'
import { SMTPServer, type SMTPServerOptions } from 'smtp-server'
import { onTestFinished } from 'vitest'

/** A mail as the server got it. */
export interface Mail {
  readonly to: readonly string[]
  /** By lower-case name, unfolded. */
  readonly headers: Readonly<Record<string, string>>
  readonly body: string
}

/** What the server says to a mail: nothing to take it, else an SMTP status. */
export type MailAnswer = () => number | undefined | Promise<number | undefined>

/** A real SMTP server on a free port; it ends with the test. */
export async function startMailServer(answer: MailAnswer = () => undefined, options: SMTPServerOptions = {}) {
  const mails: Mail[] = []
  const server = new SMTPServer({
    authOptional: true,
    disabledCommands: ['STARTTLS'],
    closeTimeout: 100,
    onData: async (stream, { envelope }, done) => {
      const to = envelope.rcptTo.map(({ address }) => address)
      mails.push({ to, ...parsed(await text(stream)) })
      const status = await answer()
      done(status === undefined ? null : Object.assign(new Error('refused by the test'), { responseCode: status }))
    },
    ...options,
  })
  server.on('error', () => {})
  server.listen(0, '127.0.0.1')
  await once(server.server, 'listening')
  const port = (server.server.address() as AddressInfo).port
  const stop = () => new Promise<void>((resolve) => server.close(resolve))
  onTestFinished(stop)
  return { mails, port, stop }
}

function parsed(mail: string): Omit<Mail, 'to'> {
  const end = mail.indexOf('\r\n\r\n')
  const lines = mail
    .slice(0, end)
    .replace(/\r\n[ \t]+/g, ' ')
    .split('\r\n')
  const headers = lines.map((line) => [line.split(':', 1)[0]?.toLowerCase(), line.slice(line.indexOf(':') + 2)])
  return { headers: Object.fromEntries(headers), body: mail.slice(end + 4).trimEnd() }
}
