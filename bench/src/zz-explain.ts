import { startKafka } from '@millrace/tools/kafka'
import { relay } from './cases/relay.ts'
import { createDatabase, startServer } from './harness/server.ts'
import { withClient } from './parts/payments.ts'

await using stack = new AsyncDisposableStack()
const kafka = stack.adopt(await startKafka({ heap: '1g' }), (k) => k.stop())
const server = stack.adopt(await startServer(), (s) => s.stop())
const url = await createDatabase(server.url, 'bench_scratch')
const k = { bootstrap: kafka.bootstrap, prepared: 'x.', fresh: 'x.f.' }
await relay.prepare({ url, records: 100000, kafka: k })
await withClient(url, async (c) => {
  const show = async (q: string, v: unknown[] = []) =>
    console.log((await c.query(q, v)).rows.map((r) => Object.values(r)[0]).join('\n'))
  const {
    rows: [p],
  } = await c.query(`SELECT * FROM millrace.relay`)
  console.log(
    p,
    (
      await c.query(
        'select lane, count(*), avg(octet_length(headers)) h, avg(octet_length(value)) v from millrace.outbox group by 1',
      )
    ).rows,
    (await c.query("select relname, n_live_tup from pg_stat_user_tables where relname like 'outbox%'")).rows,
  )
  const text = `
      SELECT seq::text AS seq, topic, key, value, headers, created_at::text AS "createdAt", found FROM (
        SELECT *, sum(size) OVER (ORDER BY seq) - size AS before, count(*) OVER () AS found
          FROM (
            SELECT seq, topic, key, value, headers, created_at, octet_length(headers)
                   + coalesce(octet_length(key), 0) + coalesce(octet_length(value), 0) AS size
              FROM millrace.outbox
             WHERE lane = $1 AND seq >= $2 AND NOT pg_visible_in_snapshot(xid, $3::pg_snapshot)
               AND pg_visible_in_snapshot(xid, $4::pg_snapshot)
             ORDER BY seq LIMIT 1000) AS rows) AS sized
       WHERE before <= 4194304 ORDER BY sized.seq`
  const {
    rows: [s],
  } = await c.query('select pg_current_snapshot()::text as t')
  await c.query(`PREPARE q (text, bigint, pg_snapshot, pg_snapshot) AS ${text}`)
  for (let i = 0; i < 8; i++) await c.query(`EXECUTE q('kafka', ${i * 1000}, '1:1:', '${s.t}')`)
  for (const at of [0, 50000, 95000])
    await show(`EXPLAIN (ANALYZE, BUFFERS) EXECUTE q('kafka', ${at}, '1:1:', '${s.t}')`)
  const named = { name: 'n', text }
  for (let round = 0; round < 3; round++) {
    const t = performance.now()
    for (let i = 0; i < 90; i++) await c.query({ ...named, values: ['kafka', i * 1000, '1:1:', s.t] })
    console.log('per piece ms', (performance.now() - t) / 90)
    const t2 = performance.now()
    for (let i = 0; i < 90; i++)
      await c.query({
        name: 'h',
        text: 'SELECT seq, id, type, key, value FROM by_hand_outbox WHERE seq > $1 ORDER BY seq LIMIT 1000',
        values: [i * 1000],
      })
    console.log('by hand per piece ms', (performance.now() - t2) / 90)
  }
})
