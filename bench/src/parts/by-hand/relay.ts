import { compatibilityPartitioner, Producer, stringSerializer } from '@platformatic/kafka'
import type pg from 'pg'
import { clientOptions } from '../kafka.ts'

const pieceSize = 1_000

interface OutboxRow {
  readonly seq: string
  readonly headers: Record<string, string>
  readonly key: string
  readonly value: Buffer
}

const readPiece = {
  name: 'read_piece',
  text: `SELECT seq, headers, key, value FROM by_hand_outbox WHERE seq > $1 ORDER BY seq LIMIT ${pieceSize}`,
}

const movePosition = {
  name: 'move_position',
  text: 'UPDATE by_hand_relay SET seq = $1 WHERE seq = $2',
}

/** Makes an outbox as one would by hand, with the events that Millrace's has, and its relay's position. */
export async function makeOutbox(client: pg.Client): Promise<void> {
  await client.query(`
    CREATE TABLE by_hand_outbox (
      seq bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY, headers jsonb NOT NULL, key text, value bytea);
    INSERT INTO by_hand_outbox (headers, key, value)
      SELECT jsonb_build_object('ce_specversion', '1.0', 'ce_id', convert_from(value, 'UTF8')::json->>'id',
               'ce_source', '/bench/relayed', 'ce_type', 'PaymentMade', 'ce_time', created_at,
               'content-type', 'application/json'),
             convert_from(key, 'UTF8'), value
        FROM millrace.outbox ORDER BY seq;
    CREATE TABLE by_hand_relay (seq bigint NOT NULL);
    INSERT INTO by_hand_relay VALUES (0)`)
}

/** Relays the outbox to a topic as one would by hand: piece after piece, until there is nothing more. */
export async function relayByHand(client: pg.Client, bootstrap: string, topic: string): Promise<void> {
  const producer = createProducer(bootstrap)
  try {
    for (let from = '0'; ; ) {
      const { rows } = await client.query<OutboxRow>({ ...readPiece, values: [from] })
      const to = rows.at(-1)?.seq
      if (to === undefined) return
      await producer.send({
        messages: rows.map(({ headers, key, value }) => ({ topic, key, value, headers })),
      })
      const moved = await client.query({ ...movePosition, values: [to, from] })
      if (moved.rowCount !== 1) throw new Error('somebody else relays')
      from = to
    }
  } finally {
    await producer.close()
  }
}

function createProducer(bootstrap: string): Producer<string, Buffer, string, string> {
  return new Producer({
    ...clientOptions(bootstrap),
    idempotent: true,
    partitioner: compatibilityPartitioner,
    serializers: { key: stringSerializer, headerKey: stringSerializer, headerValue: stringSerializer },
  })
}
