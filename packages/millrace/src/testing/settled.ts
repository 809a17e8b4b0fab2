import type { Brokers } from '../app/brokers.ts'
import type { Queryable } from '../core/unit.ts'
import type { ConsumerRunner } from '../delivery/index.ts'

/** How long a test waits for everything to be handled, and how often it looks. */
const patienceMs = 10_000
const lookEveryMs = 5

interface SettledParts {
  readonly database: Queryable
  readonly brokers: Brokers
  readonly runners: readonly ConsumerRunner[]
  /** The consumers' topics, by consumer. */
  readonly topics: ReadonlyMap<string, readonly string[]>
  /** The app's schedules, by name: rows of others stay as they are. */
  readonly schedules: readonly string[]
}

/**
 * Resolves when everything that was published, or was to be by now, has been relayed and handled, and what that published
 * too; and when schedules that are due have run.
 *
 * @throws an error that says what is still under way after 10 s
 */
export async function settled(parts: SettledParts): Promise<void> {
  const deadline = performance.now() + patienceMs
  for (;;) {
    const unsettled = await findUnsettled(parts)
    if (unsettled === undefined) return
    if (performance.now() > deadline) throw new Error(`not settled after ${patienceMs} ms: ${unsettled}`)
    await new Promise((resolve) => setTimeout(resolve, lookEveryMs))
  }
}

/** Looked at upstream first: what the relay or a consumer moves on meanwhile is then seen further down. */
async function findUnsettled({ database, brokers, runners, topics, schedules }: SettledParts) {
  const due = await findDue(database, schedules)
  if (due) return due
  if (await hasUnrelayed(database)) return 'events in the outbox'
  const before = await endsOf(brokers, topics)
  for (const { consumerName: consumer, status } of runners) {
    const behind = (topics.get(consumer) ?? []).flatMap((topic) =>
      (before.get(topic) ?? []).map((end, partition) => {
        const worker = status.find((worker) => worker.topic === topic && worker.partition === partition)
        const done = worker?.position !== undefined && worker.position >= end
        return done ? [] : [`${consumer} at ${worker?.position ?? 'no position'} of ${end} in ${topic}/${partition}`]
      }),
    )
    const [first] = behind.flat()
    if (first) return first
  }
  if (await hasRetries(database)) return 'parked records that are tried again'
  const isIdle = (await findDue(database, schedules)) === undefined && !(await hasUnrelayed(database))
  const quiet = isIdle && same(before, await endsOf(brokers, topics))
  return quiet ? undefined : 'new events'
}

/** A schedule that runs is due until its run is committed; one that waits for its next attempt is not. */
async function findDue(database: Queryable, schedules: readonly string[]): Promise<string | undefined> {
  const { rows } = await database.query<{ timers: boolean; schedules: string[] | null }>(
    `SELECT EXISTS (SELECT FROM millrace.timer WHERE due_at <= millrace.now()) AS timers,
            (SELECT array_agg(name) FROM millrace.schedule s
              WHERE name = ANY ($1::text[]) AND (greatest(due_at, retry_at) <= millrace.now()
                 OR EXISTS (SELECT FROM millrace.schedule_request r WHERE r.schedule = s.name))) AS schedules`,
    [schedules],
  )
  if (rows[0]?.timers) return 'timers that are due'
  return rows[0]?.schedules ? `schedules that are due: ${rows[0].schedules.join(', ')}` : undefined
}

async function hasUnrelayed(database: Queryable): Promise<boolean> {
  const { rows } = await database.query<{ waiting: boolean }>(
    `SELECT EXISTS (SELECT FROM millrace.outbox o LEFT JOIN millrace.relay r USING (lane)
                     WHERE r.done IS NULL OR NOT pg_visible_in_snapshot(o.xid, r.done))
            OR EXISTS (SELECT FROM millrace.outbox_parked) AS waiting`,
  )
  return rows[0]?.waiting ?? false
}

/** Those behind a dead letter wait for somebody to see to it, and are settled. */
async function hasRetries(database: Queryable): Promise<boolean> {
  const { rows } = await database.query<{ waiting: boolean }>(
    'SELECT EXISTS (SELECT FROM millrace.parked WHERE due_at IS NOT NULL) AS waiting',
  )
  return rows[0]?.waiting ?? false
}

async function endsOf(brokers: Brokers, topics: SettledParts['topics']): Promise<Map<string, number[]>> {
  const names = [...new Set([...topics.values()].flat())]
  const ranges = await Promise.all(names.map((name) => brokers.ofName(name).ranges(name)))
  return new Map(names.map((name, index) => [name, (ranges[index] ?? []).map(({ end }) => end)]))
}

function same(a: ReadonlyMap<string, readonly number[]>, b: ReadonlyMap<string, readonly number[]>): boolean {
  return JSON.stringify([...a]) === JSON.stringify([...b])
}
