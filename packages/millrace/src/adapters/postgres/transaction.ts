import type { ClientBase, QueryConfig } from 'pg'
import { fail } from '../../core/errors.ts'
import type { QueryResult, Statement } from '../../core/unit.ts'
import type { Transaction, TransactionOptions } from '../../ports/database.ts'
import { faultOf, statementError } from './errors.ts'

const begin = {
  'read committed': { text: 'BEGIN' },
  'repeatable read': { text: 'BEGIN ISOLATION LEVEL REPEATABLE READ' },
} as const

/** Runs one statement on a connection. */
export async function runStatement<Row>(
  client: ClientBase,
  statement: string | Statement,
  values?: readonly unknown[],
): Promise<QueryResult<Row>> {
  try {
    const result = await client.query(statementConfig(statement, values))
    return { rows: result.rows as Row[], rowCount: result.rowCount ?? 0 }
  } catch (error) {
    throw statementError(error)
  }
}

/** Runs `work` between BEGIN and COMMIT on a connection; see {@link Database.transaction}. */
export async function runTransaction<T>(
  client: ClientBase,
  work: (transaction: Transaction) => Promise<T>,
  { isolation = 'read committed' }: TransactionOptions,
): Promise<T> {
  const transaction = new PostgresTransaction(client)
  transaction.send(begin[isolation])
  let result: T
  try {
    result = await work(transaction)
  } catch (error) {
    await rollBack(client)
    // After a failure PostgreSQL refuses every further statement; the first error is the one that tells something.
    throw faultOf(error) === 'aborted' ? (transaction.failure ?? error) : error
  }
  await commit(client, transaction)
  return result
}

async function commit(client: ClientBase, transaction: PostgresTransaction): Promise<void> {
  let command: string
  try {
    command = (await client.query('COMMIT')).command
  } catch (error) {
    throw transaction.failure ?? statementError(error)
  }
  // A transaction in which a statement failed answers COMMIT with ROLLBACK, and no error.
  if (command !== 'COMMIT') throw transaction.failure ?? fail('COMMIT_FAILED', {})
}

async function rollBack(client: ClientBase): Promise<void> {
  // A connection that cannot roll back is lost, and the server rolls back by itself; whoever releases it will notice.
  await client.query('ROLLBACK').catch(() => {})
}

class PostgresTransaction implements Transaction {
  readonly #client: ClientBase
  #failure: unknown
  #savepoints = 0

  constructor(client: ClientBase) {
    this.#client = client
  }

  get failure(): unknown {
    return this.#failure
  }

  async query<Row = Record<string, unknown>>(
    statement: string | Statement,
    values?: readonly unknown[],
  ): Promise<QueryResult<Row>> {
    try {
      return await runStatement<Row>(this.#client, statement, values)
    } catch (error) {
      this.#failure ??= error
      throw error
    }
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
      await runStatement(this.#client, `ROLLBACK TO SAVEPOINT ${name}; RELEASE SAVEPOINT ${name}`)
      this.#failure = before
      throw first
    }
  }
}

function statementConfig(statement: string | Statement, values: readonly unknown[] | undefined): QueryConfig {
  if (typeof statement === 'string') return values ? { text: statement, values: [...values] } : { text: statement }
  return (values ? { ...statement, values: [...values] } : statement) as QueryConfig
}
