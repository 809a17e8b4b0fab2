import type { Broker, OutgoingRecord, ProduceResult } from '../ports/broker.ts'
import type { Transaction } from '../ports/database.ts'

/**
 * Writes down what became of records, and moves the relay's position past them, in one transaction. In it, once, it asks
 * for the results; when another leader has moved the position, it throws and all of it is rolled back.
 */
export type Settle<Outcome> = (results: (transaction: Transaction) => Promise<ProduceResult[]>) => Promise<Outcome>

/** The way to a broker. */
export interface Lane {
  /** The broker's name, by which rows of the outbox say where they go. */
  readonly name: string
  /** Hands records to the broker and has the results settled. */
  carry<Outcome>(records: readonly OutgoingRecord[], settle: Settle<Outcome>): Promise<Outcome>
}

/** A broker that takes records in the transaction that moves the relay's position: each goes out exactly once. */
export interface TransactionalLog {
  readonly name: string
  /** Appends within a transaction; what it refuses it has not appended. */
  appendIn(transaction: Transaction, records: readonly OutgoingRecord[]): Promise<Appended>
}

/** What was appended within a transaction. */
export interface Appended {
  readonly results: ProduceResult[]
  /** Wakes readers; called after the commit. */
  announce(): void
}

/** The lane to a log that takes part in the transaction: exactly once. */
export function transactionalLane(log: TransactionalLog): Lane {
  return {
    name: log.name,
    carry: async (records, settle) => {
      let appended: Appended | undefined
      const outcome = await settle(async (transaction) => {
        if (records.length > 0) appended = await log.appendIn(transaction, records)
        return appended?.results ?? []
      })
      appended?.announce()
      return outcome
    },
  }
}

/**
 * The lane to a broker that knows nothing of the transaction: at least once, as a crash between its acknowledgement and
 * the commit sends again. It is the same message then, and the inbox of a consumer drops the second.
 */
export function brokerLane(broker: Pick<Broker, 'name' | 'produce'>): Lane {
  return {
    name: broker.name,
    carry: async (records, settle) => {
      const results = records.length > 0 ? await broker.produce(records) : []
      return settle(async () => results)
    },
  }
}
