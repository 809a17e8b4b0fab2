import { createLogger } from 'millrace'
import { type TestApp, type TestAppOptions, testApp } from 'millrace/testing'
import { bind } from '../../database.ts'
import { type NotificationsOptions, notifications } from './module.ts'
import type { NewNotification, Notification, State } from './notification.ts'
import type { Message, Sender } from './senders/sender.ts'

/** What operators of these tests bear. */
export const adminToken = 'of-the-operators'

/** The module as the tests have it: quick, and silent. */
export function moduleWith(options: Partial<NotificationsOptions> = {}) {
  const standard = { sender: noting().sender, batchWait: '20ms', logger: createLogger({ level: 'silent' }) } as const
  return notifications({ ...standard, ...options })
}

/** An app with the module. */
export function start(
  options: Partial<NotificationsOptions> = {},
  appOptions: Partial<TestAppOptions> = {},
): Promise<TestApp> {
  // A token is its user.
  const authenticate = async (token: string) => ({ id: token, expiresAt: undefined })
  const http = { host: '127.0.0.1', port: 0, adminToken, authenticate }
  return testApp({ modules: [moduleWith(options)], bind, http, ...appOptions })
}

/** A sender that notes what it sends, after `before` had its say. */
export function noting(before: (message: Message) => Promise<void> | void = () => {}) {
  const sent: Message[] = []
  const sender: Sender = {
    name: 'noting',
    send: async (message) => {
      await before(message)
      sent.push(message)
    },
  }
  return { sent, sender }
}

/** A notification that is asked for. */
export function asked(changes: Partial<NewNotification> = {}): NewNotification {
  return { user_id: 'ada', event: 'order_shipped', content: 'It is on its way.', ...changes }
}

/** Produces a record as another program does: JSON, without headers. */
export function produce(t: TestApp, value: unknown, topic = 'notifications'): Promise<void> {
  const text = typeof value === 'string' ? value : JSON.stringify(value)
  return t.produce({ topic, value: Buffer.from(text) })
}

/** The answer to a notification that is asked for over HTTP. */
export async function post(t: TestApp, body: unknown = asked(), key?: string) {
  const headers = key === undefined ? {} : { 'idempotency-key': key }
  return t.http.request({ method: 'POST', url: '/notifications', headers, payload: body as object })
}

/** All notifications, the oldest first. */
export async function all(t: TestApp): Promise<Notification[]> {
  const found: Notification[] = []
  for (let after = ''; ; ) {
    const page = (await t.http.get(`/notifications?limit=200${after}`)).json()
    found.push(...page.items)
    if (page.next === null) return found.reverse()
    after = `&after=${page.next}`
  }
}

/** How many there are in each state. */
export async function stateCounts(t: TestApp): Promise<Partial<Record<State, number>>> {
  const { rows } = await t.database.query<{ state: State; count: number }>(
    'SELECT state, count(*)::int FROM notifications.notification GROUP BY state',
  )
  return Object.fromEntries(rows.map(({ state, count }) => [state, count]))
}

/** Asks an operators’ route. */
export function admin(t: TestApp, method: 'GET' | 'POST', path: string) {
  return t.http.request({ method, url: `/admin${path}`, headers: { authorization: `Bearer ${adminToken}` } })
}

/** The value of a counter of the app's. */
export async function counted(t: TestApp, name: string): Promise<number> {
  const { body } = await t.http.get('/metrics')
  return Number(new RegExp(`^millrace_app_${name}_total (\\d+)$`, 'm').exec(body)?.[1] ?? 0)
}
