import type pg from 'pg'
import { columns, insertMany, insertOne } from '../consumers.ts'
import type { Payment } from '../payments.ts'
import type { ChunkWriter } from './chunk.ts'

const claim = {
  name: 'claim',
  text: 'INSERT INTO by_hand_inbox (id) SELECT unnest($1::uuid[]) ON CONFLICT DO NOTHING RETURNING id',
}

/** One statement a payment, without an inbox. */
export const writeEach: ChunkWriter = async (client, payments, progress) => {
  for (const { n, id, account, amount } of payments) {
    progress.take()
    await client.query({ ...insertOne, values: [n, id, account, amount] })
  }
}

/** One statement a payment that the inbox did not have. */
export const writeEachOnce: ChunkWriter = async (client, payments, progress) => {
  await writeEach(client, await claimed(client, payments), progress)
}

/** One statement for all payments that the inbox did not have. */
export const writeManyOnce: ChunkWriter = async (client, payments, progress) => {
  progress.take(payments.length)
  await client.query({ ...insertMany, values: columns(await claimed(client, payments)) })
}

async function claimed(client: pg.Client, payments: readonly Payment[]): Promise<readonly Payment[]> {
  const { rows } = await client.query<Pick<Payment, 'id'>>({ ...claim, values: [payments.map(({ id }) => id)] })
  const fresh = new Set(rows.map(({ id }) => id))
  return payments.filter(({ id }) => fresh.has(id))
}
