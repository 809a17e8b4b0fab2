import { Writable } from 'node:stream'
import { createLogger, type Logger } from 'millrace'
import { describe, expect, test } from 'vitest'
import { startReceiver } from '../receiver.fixture.ts'
import { createSender } from './create-sender.ts'
import { startMailServer } from './mail-server.fixture.ts'
import { type Message, type Sender, SendRefused } from './sender.ts'
import { signatureOf } from './webhook.ts'

/** What a receiver is to do. */
type Behaviour = 'take' | 'refuse' | 'fail' | 'stall'

/** A sender with its receiver. */
interface Stage {
  readonly sender: Sender
  /** What was taken, in the receiver's words. */
  readonly taken: () => readonly { readonly id: string; readonly content: string }[]
  be(behaviour: Behaviour): void
}

const forever = new Promise<never>(() => {})
const messageOf = (changes: Partial<Message> = {}): Message => ({
  ...{ id: crypto.randomUUID(), userId: 'ada@example.com', event: 'order_shipped', content: 'It is on its way.' },
  ...{ createdAt: new Date('2026-03-01T12:30:15.123Z') },
  ...changes,
})
const patiently = () => AbortSignal.timeout(10_000)
const silent = createLogger({ level: 'silent' })

function logStage(): Stage {
  const lines: { id: string; content: string }[] = []
  const write = (chunk: unknown, _encoding: string, done: () => void) => {
    lines.push(JSON.parse(`${chunk}`))
    done()
  }
  const logger: Logger = createLogger({ destination: new Writable({ write }) })
  return { sender: createSender({ kind: 'log' }, logger), taken: () => lines, be: () => {} }
}

async function webhookStage(): Promise<Stage> {
  let behaviour: Behaviour = 'take'
  const statuses = { take: 204, refuse: 422, fail: 503, stall: forever }
  const took = new Set<string>()
  const { url, received } = await startReceiver((one) => {
    if (behaviour === 'take') took.add(one.body)
    return statuses[behaviour]
  })
  return {
    sender: createSender({ kind: 'webhook', url, secret: 'a secret' }, silent),
    taken: () =>
      received.filter(({ body }) => took.has(body)).map(({ key, body }) => ({ id: key, ...JSON.parse(body) })),
    be: (next) => {
      behaviour = next
    },
  }
}

async function smtpStage(): Promise<Stage> {
  let behaviour: Behaviour = 'take'
  const statuses = { take: undefined, refuse: 550, fail: 451, stall: forever }
  const { mails, port } = await startMailServer(() => statuses[behaviour])
  const url = `smtp://127.0.0.1:${port}`
  return {
    sender: createSender({ kind: 'smtp', url, from: 'app@example.com', to: '{user_id}' }, silent),
    taken: () =>
      mails.map(({ headers, body }) => ({
        id: /^<(.*)@example\.com>$/.exec(headers['message-id'] ?? '')?.[1] ?? '',
        content: body,
      })),
    be: (next) => {
      behaviour = next
    },
  }
}

type Stages = readonly (readonly [string, () => Stage | Promise<Stage>])[]

/** Those with somebody behind them who may refuse, fail, or stall; behind a log nobody is. */
const withReceiver: Stages = [
  ['webhook', webhookStage],
  ['smtp', smtpStage],
]
const all: Stages = [['log', logStage], ...withReceiver]

describe.each(all)('the sender %s', (name, stage) => {
  test('has its name', async () => {
    expect((await stage()).sender.name).toBe(name)
  })

  test('delivers each message with its id, the same one each time, also side by side', async () => {
    const { sender, taken } = await stage()
    const messages = Array.from({ length: 20 }, (_, n) => messageOf({ content: `message ${n}` }))
    const [first] = messages
    await Promise.all(messages.map((message) => sender.send(message, patiently())))
    if (first) await sender.send(first, patiently())
    const expected = [...messages, ...(first ? [first] : [])].map(({ id, content }) => `${id} ${content}`)
    expect(
      taken()
        .map(({ id, content }) => `${id} ${content}`)
        .toSorted(),
    ).toEqual(expected.toSorted())
  })

  test('sends nothing once it was given up', async () => {
    const { sender, taken } = await stage()
    await expect(sender.send(messageOf(), AbortSignal.abort(new Error('given up')))).rejects.toThrow()
    expect(taken()).toEqual([])
  })
})

describe.each(withReceiver)('the sender %s', (_name, stage) => {
  test('throws SendRefused when it is refused for good', async () => {
    const { sender, be } = await stage()
    be('refuse')
    await expect(sender.send(messageOf(), patiently())).rejects.toBeInstanceOf(SendRefused)
  })

  test('throws another error when it fails for now, and delivers the next one', async () => {
    const { sender, be, taken } = await stage()
    be('fail')
    const error = await sender.send(messageOf(), patiently()).catch((thrown) => thrown)
    expect(error).toBeInstanceOf(Error)
    expect(error).not.toBeInstanceOf(SendRefused)
    be('take')
    const next = messageOf()
    await sender.send(next, patiently())
    expect(taken().at(-1)?.id).toBe(next.id)
  })

  test('gives up by its signal when the receiver stalls', async () => {
    const { sender, be } = await stage()
    be('stall')
    const error = await sender.send(messageOf(), AbortSignal.timeout(200)).catch((thrown) => thrown)
    expect(error).toBeInstanceOf(Error)
    expect(error).not.toBeInstanceOf(SendRefused)
  })
})

describe('a webhook', () => {
  const secret = 'a secret'

  test('is signed: a receiver with the secret can tell who sent it, and what', async () => {
    const { received, url } = await startReceiver()
    const message = messageOf({ content: 'چائے 🍵' })
    await createSender({ kind: 'webhook', url, secret }, silent).send(message, patiently())
    const { headers = {}, body = '' } = received[0] ?? {}
    const timestamp = Number(headers['webhook-timestamp'])
    expect(Math.abs(Date.now() / 1_000 - timestamp)).toBeLessThan(10)
    expect(headers).toMatchObject({
      'content-type': 'application/json',
      'idempotency-key': message.id,
      'webhook-id': message.id,
    })
    expect(headers['webhook-signature']).toBe(signatureOf(message.id, timestamp, body, secret))
    for (const forged of [
      signatureOf(message.id, timestamp, body, 'another'),
      signatureOf(message.id, timestamp, `${body} `, secret),
      signatureOf(message.id, timestamp + 1, body, secret),
    ]) {
      expect(headers['webhook-signature']).not.toBe(forged)
    }
    expect(JSON.parse(body)).toEqual({
      ...{ id: message.id, user_id: 'ada@example.com', event: 'order_shipped', content: 'چائے 🍵' },
      created_at: '2026-03-01T12:30:15.123Z',
    })
  })

  test('is signed as the example of the Standard Webhooks is', () => {
    const key = 'whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw'
    const signature = signatureOf('msg_p5jXN8AQM9LWM0D4loKWxJek', 1_614_265_330, '{"test": 2432232314}', key)
    expect(signature).toBe('v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=')
  })

  test('does not follow redirects', async () => {
    const other = await startReceiver()
    const { createServer } = await import('node:http')
    const redirecting = createServer((_request, response) => response.writeHead(307, { location: other.url }).end())
    await new Promise<void>((resolve) => redirecting.listen(0, '127.0.0.1', resolve))
    const address = redirecting.address()
    const port = typeof address === 'object' && address ? address.port : 0
    const sender = createSender({ kind: 'webhook', url: `http://127.0.0.1:${port}`, secret }, silent)
    await expect(sender.send(messageOf(), patiently())).rejects.toThrow('307')
    expect(other.received).toEqual([])
    redirecting.close()
  })
})

describe('a mail', () => {
  const from = 'app@example.com'

  async function mailOf(message: Message, to = '{user_id}') {
    const { mails, port } = await startMailServer()
    await createSender({ kind: 'smtp', url: `smtp://127.0.0.1:${port}`, from, to }, silent).send(message, patiently())
    return mails
  }

  test('is plain text, to the address that the pattern makes of the user', async () => {
    const message = messageOf({ userId: 'ada', event: 'Bestellung gelöst', content: 'Grüße 🍵' })
    const [mail] = await mailOf(message, '{user_id}@users.example.com')
    expect(mail).toMatchObject({ to: ['ada@users.example.com'] })
    expect(mail?.headers).toMatchObject({
      ...{ from, to: 'ada@users.example.com', 'message-id': `<${message.id}@example.com>` },
      'content-type': 'text/plain; charset=utf-8',
    })
    expect(mail?.headers['subject']).toMatch(/^=\?UTF-8\?/)
    expect(Buffer.from(mail?.body ?? '', 'base64').toString()).toBe('Grüße 🍵')
  })

  test.each([
    ['no address', 'ada'],
    ['two addresses', 'ada@example.com,eve@example.com'],
    ['an address with a name', 'Ada <ada@example.com>'],
    ['a line break', 'ada@example.com\r\nBcc: eve@example.com'],
  ])('goes to nobody where the user is %s', async (_what, userId) => {
    const { mails, port } = await startMailServer()
    const sender = createSender({ kind: 'smtp', url: `smtp://127.0.0.1:${port}`, from, to: '{user_id}' }, silent)
    await expect(sender.send(messageOf({ userId }), patiently())).rejects.toBeInstanceOf(SendRefused)
    expect(mails).toEqual([])
  })

  test('has no headers that its event brings', async () => {
    const [mail] = await mailOf(messageOf({ event: 'hello\r\nBcc: eve@example.com' }))
    expect(mail?.to).toEqual(['ada@example.com'])
    expect(mail?.headers).not.toHaveProperty('bcc')
  })

  test('does not go to a server whose certificate nobody vouches for', async () => {
    const { mails, port } = await startMailServer(undefined, { secure: true })
    const sender = createSender({ kind: 'smtp', url: `smtps://localhost:${port}`, from, to: '{user_id}' }, silent)
    await expect(sender.send(messageOf(), patiently())).rejects.toThrow(/certificate/)
    expect(mails).toEqual([])
  })

  test('does not bring a password over a connection that is not encrypted', async () => {
    const logins: unknown[] = []
    const { mails, port } = await startMailServer(undefined, {
      hideSTARTTLS: true,
      allowInsecureAuth: true,
      onAuth: (login, _session, done) => {
        logins.push(login)
        done(null, { user: 'app' })
      },
    })
    const url = `smtp://app:hunter2@127.0.0.1:${port}`
    const sender = createSender({ kind: 'smtp', url, from, to: '{user_id}' }, silent)
    const error: Error = await sender.send(messageOf(), patiently()).catch((thrown) => thrown)
    expect(error).toBeInstanceOf(Error)
    expect(error.message).not.toContain('hunter2')
    expect([logins, mails]).toEqual([[], []])
  })
})
