import type { Client } from 'pg'
import { fail } from '../../core/errors.ts'
import type { QueryResult, Statement } from '../../core/unit.ts'
import type { Transaction, TransactionOptions } from '../../ports/database.ts'
import { faultOf, statementError } from './errors.ts'
import { runStatement } from './statement.ts'

const begin = {
  'read committed': { text: 'BEGIN' },
  'repeatable read': { text: 'BEGIN ISOLATION LEVEL REPEATABLE READ' },
} as const

/** Runs `work` between BEGIN and COMMIT on a connection; see {@link Database.transaction}. */
export async function runTransaction<T>(
  client: Client,
  work: (transaction: Transaction) => Promise<T>,
  { isolation = 'read committed' }: TransactionOptions,
): Promise<T> {
  const transaction = new PostgresTransaction(client)
  transaction.send(begin[isolation])
  let result: T
  try {
    result = await work(transaction)
  } catch (error) {
    transaction.end()
    await rollBack(client)
    // After a failure PostgreSQL refuses every further statement; the first error is the one that tells something.
    throw faultOf(error) === 'aborted' ? (transaction.failure ?? error) : error
  }
  transaction.end()
  await commit(client, transaction)
  return result
}

async function commit(client: Client, transaction: PostgresTransaction): Promise<void> {
  // The server would commit what came before a statement that could not be sent.
  if (transaction.failure !== undefined) {
    await rollBack(client)
    throw transaction.failure
  }
  let command: string
  try {
    command = (await client.query('COMMIT')).command
  } catch (error) {
    throw transaction.failure ?? statementError(error)
  }
  // A transaction in which a statement failed answers COMMIT with ROLLBACK, and no error.
  if (command !== 'COMMIT') throw transaction.failure ?? fail('COMMIT_FAILED', {})
}

async function rollBack(client: Client): Promise<void> {
  // A connection that cannot roll back is lost, and the server rolls back by itself; whoever releases it will notice.
  await client.query('ROLLBACK').catch(() => {})
}

class PostgresTransaction implements Transaction {
  readonly #client: Client
  #failure: unknown
  #savepoints = 0
  #ended = false

  constructor(client: Client) {
    this.#client = client
  }

  get failure(): unknown {
    return this.#failure
  }

  /** From here on nothing is sent: the connection will be another transaction's. */
  end(): void {
    this.#ended = true
  }

  query<Row = Record<string, unknown>>(
    statement: string | Statement,
    values?: readonly unknown[],
  ): Promise<QueryResult<Row>> {
    if (this.#ended) return Promise.reject(fail('UNIT_CLOSED', {}))
    return runStatement<Row>(this.#client, statement, values, this.#onError)
  }

  readonly #onError = (error: unknown): void => {
    this.#failure ??= error
  }

  send(statement: Statement): void {
    this.query(statement).catch(() => {})
  }

  async savepoint<T>(part: () => Promise<T>): Promise<T> {
    this.#savepoints += 1
    const name = `part_${this.#savepoints}`
    this.send({ text: `SAVEPOINT ${name}` })
    const before = this.#failure
    try {
      const result = await part()
      if (this.#failure !== before) throw this.#failure
      this.send({ text: `RELEASE SAVEPOINT ${name}` })
      return result
    } catch (error) {
      const first = faultOf(error) === 'aborted' ? (this.#failure ?? error) : error
      await this.#undo(name, before)
      throw first
    }
  }

  /** Where the savepoint itself could not be set, the transaction had failed before, and stays so. */
  async #undo(savepoint: string, before: unknown): Promise<void> {
    try {
      await this.query(`ROLLBACK TO SAVEPOINT ${savepoint}; RELEASE SAVEPOINT ${savepoint}`)
      this.#failure = before
    } catch {}
  }
}
