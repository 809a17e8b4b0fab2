import type { ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import type { TestApp } from 'millrace/testing'
import { expect, test } from 'vitest'
import { addressOf, run } from '../../process.fixture.ts'
import { post, start, stateCounts } from './notifications.fixture.ts'
import { startReceiver } from './receiver.fixture.ts'

const soon = { timeout: 30_000 }

/** The app in a process of its own, on the database of a test's app. What it says on the database is under its name. */
function runOn(t: TestApp, name: string, environment: Record<string, string>) {
  const url = `${t.databaseUrl}${t.databaseUrl.includes('?') ? '&' : '?'}application_name=${name}`
  return run({ DATABASE_URL: url, PORT: '0', MODULES: 'notifications', ...environment })
}

async function kill(child: ChildProcess | undefined): Promise<void> {
  if (!child) throw new Error('there is no such process')
  child.kill('SIGKILL')
  await once(child, 'exit')
}

const webhookTo = (url: string) => ({
  NOTIFICATIONS_SENDER: 'webhook',
  NOTIFICATIONS_WEBHOOK_URL: url,
  NOTIFICATIONS_WEBHOOK_SECRET: 'a secret',
  NOTIFICATIONS_SEND_TIMEOUT: '1s',
})

test('kill -9 between sending and writing it down: it is sent again, with the same key', {
  timeout: 90_000,
}, async () => {
  await using t = await start({}, { roles: ['api'] })
  const { received, url } = await startReceiver(async ({ key }) => {
    // The receiver has the first one, and nobody ever learns it.
    if (received.filter((one) => one.key === key).length === 1 && received.length === 1) await kill(first)
    return 204
  })
  const first = runOn(t, 'first', webhookTo(url))
  await addressOf(first)
  const { id } = (await post(t)).json()
  await once(first, 'exit')
  expect(received.map(({ key }) => key)).toEqual([id])
  expect(await stateCounts(t)).toEqual({ sending: 1 })

  await addressOf(runOn(t, 'second', webhookTo(url)))
  await expect.poll(() => stateCounts(t), soon).toEqual({ sent: 1 })
  expect(received.map(({ key, body }) => [key, JSON.parse(body).id])).toEqual([
    [id, id],
    [id, id],
  ])
})

interface Run {
  readonly name: string
  readonly tick: string
  readonly by: string
}

/** Has the database write down each tick of a schedule that is committed, and by which process. */
async function witness(t: TestApp): Promise<() => Promise<Run[]>> {
  await t.database.query(`
    CREATE TABLE public.witness (name text, tick timestamptz, by text, seq int GENERATED ALWAYS AS IDENTITY)`)
  await t.database.query(`
    CREATE FUNCTION public.witness() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
      INSERT INTO public.witness (name, tick, by) VALUES (NEW.name, NEW.last_tick_at, current_setting('application_name'));
      RETURN NULL;
    END $$`)
  await t.database.query(`
    CREATE TRIGGER witness AFTER UPDATE OF runs ON millrace.schedule FOR EACH ROW EXECUTE FUNCTION public.witness()`)
  return async () =>
    (await t.database.query<Run>('SELECT name, tick::text, by FROM public.witness WHERE tick IS NOT NULL ORDER BY seq'))
      .rows
}

test('on three instances each tick runs once, also when the one that ran the last is killed', {
  timeout: 90_000,
}, async () => {
  await using t = await start({}, { roles: ['api'] })
  const runs = await witness(t)
  const names = ['one', 'two', 'three']
  const children = new Map(names.map((name) => [name, runOn(t, name, { NOTIFICATIONS_SEND_EVERY: '200ms' })]))
  await Promise.all([...children.values()].map(addressOf))
  const killed: string[] = []
  while (killed.length < 2) {
    const before = (await runs()).length
    await expect.poll(async () => (await runs()).length, soon).toBeGreaterThan(before + 3)
    const last = (await runs()).at(-1)?.by ?? ''
    await kill(children.get(last))
    killed.push(last)
  }
  const before = (await runs()).length
  await expect.poll(async () => (await runs()).length, soon).toBeGreaterThan(before + 5)

  const ticks = (await runs()).filter(({ name }) => name === 'notifications-send')
  expect(new Set(ticks.map(({ tick }) => tick)).size).toBe(ticks.length)
  expect(new Set(killed).size).toBe(2)
  // Those that nobody was there for are counted: none is missing.
  const { rows } = await t.database.query<{ missing: number }>(
    `SELECT round(extract(epoch FROM max(w.tick) - min(w.tick)) / 0.2)::int + 1 - count(*)::int - max(s.skipped)::int AS missing
       FROM public.witness w JOIN millrace.schedule s USING (name) WHERE name = 'notifications-send'`,
  )
  expect(rows).toEqual([{ missing: 0 }])
})
