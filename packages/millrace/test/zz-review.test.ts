import { expect, test } from 'vitest'
import * as z from 'zod'
import { defineConsumer } from '../src/core/consumer.ts'
import { defineModule } from '../src/core/module.ts'
import { defineTopic } from '../src/core/topic.ts'
import { testApp } from '../src/testing/index.ts'
import { createPostgresDatabase } from '../src/adapters/postgres/index.ts'
import { createTestDatabase } from '../src/testing/database.ts'
const sleep = (ms: number) => new Promise((r) => setTimeout(r, ms))


test('T5 orphaned sessions', async () => {
  await using t = await createTestDatabase()
  const db = createPostgresDatabase({ url: t.url, applicationName: 'victim' })
  const eye = createPostgresDatabase({ url: t.url, applicationName: 'eye' })
  await db.listen('good', () => {})
  await db.listen('', () => {}).catch((e) => console.log('T5 listen refused:', e.message))
  await eye.query("select pg_terminate_backend(pid) from pg_stat_activity where application_name='victim'")
  const pids = new Set<number>()
  for (let i = 0; i < 25; i++) { await sleep(1000); for (const { pid } of (await eye.query<{pid:number}>("select pid from pg_stat_activity where application_name='victim'")).rows) pids.add(pid); if (i % 6 === 0) console.log('T5 s', i, 'sessions', (await eye.query("select count(*)::int n from pg_stat_activity where application_name='victim'")).rows, 'ever', pids.size) }
  await db.stop(); await sleep(300)
  console.log('T5 after stop', (await eye.query("select count(*)::int n from pg_stat_activity where application_name='victim'")).rows)
  await eye.stop()
}, 60_000)

test('T15 relay stop under load', async () => {
  const src = defineTopic('src', { events: { S: z.object({ n: z.number() }) }, key: () => 'k', partitions: 1 })
  const mod = defineModule({ name: 'm', topics: [src], consumers: [] } as any)
  const one = await testApp({ modules: [mod] })
  const two = await testApp({ modules: [mod], databaseUrl: one.databaseUrl, roles: ['api'] } as any)
  let go = true
  const writers = Array.from({ length: 6 }, async () => { while (go) await two.millrace.transaction(async (u) => u.publish((src as any).events.S({ n: 1 }))) })
  await sleep(1500)
  const t0 = performance.now(); await one.app.stop(); console.log('T15 stop took', Math.round(performance.now() - t0))
  go = false; await Promise.all(writers); await two.app.stop(); await one.stop()
}, 60_000)

test('T17 failover to a replica behind', async () => {
  const src = defineTopic('src', { events: { S: z.object({ n: z.number() }) }, key: () => 'k', partitions: 1 })
  const seen: number[] = []
  const mod = defineModule({ name: 'm', topics: [src], consumers: [defineConsumer({ name: 'c', topic: src, on: { S: async (e: any) => { seen.push(e.data.n) } } } as any)] } as any)
  await using t = await testApp({ modules: [mod] })
  const eye = createPostgresDatabase({ url: t.databaseUrl, applicationName: 'eye' })
  await t.millrace.transaction(async (u) => { for (let n = 0; n < 10; n++) u.publish((src as any).events.S({ n })) })
  await t.settled()
  await eye.query('delete from millrace.log where "offset" >= 5'); await eye.query('update millrace.position set next_offset = 5')
  await eye.query("select pg_terminate_backend(pid) from pg_stat_activity where application_name='millrace' and datname = current_database()")
  await sleep(1500)
  for (let k = 0; k < 5; k++) try { await t.millrace.transaction(async (u) => { for (let n = 100; n < 103; n++) u.publish((src as any).events.S({ n })) }); break } catch { await sleep(200) }
  await sleep(8000)
  console.log('T17 seen', JSON.stringify(seen), (await eye.query('select max("offset") from millrace.log')).rows, (await t.http.get('/health/progress')).body)
  await eye.stop()
}, 60_000)

test('T14 longer', async () => {
  await using t = await testApp({ modules: [], roles: ['api'] } as any)
  const db = t.database
  await db.query("insert into millrace.relay(lane) values ('z') on conflict do nothing")
  await db.transaction(async (tx) => {
    await tx.query('select 1 from millrace.relay')
    let v = 0
    for (let round = 0; round < 5; round++) {
      const t0 = performance.now()
      for (let i = 0; i < 10; i++) await db.on('system').query({ name: 'mv', text: `UPDATE millrace.relay SET version = version + 1, done = $3, target = $4, seq = $5 WHERE lane = $1 AND version = $2`, values: ['z', String(v++), '3:3:', null, '0'] })
      console.log('T14 after', v, 'moves: ms per move', ((performance.now() - t0) / 10).toFixed(3))
      await db.query("do $$ begin for i in 1..15000 loop update millrace.relay set version = version + 1 where lane = 'z'; commit; end loop; end $$"); v += 15000
      await tx.query('select 1')
    }
  }, { isolation: 'repeatable read' })
}, 120_000)
