import type { BenchCase } from '../harness/definition.ts'
import { drainPostgres } from './drain-postgres.ts'
import { drainPostgresBatch } from './drain-postgres-batch.ts'

/** All cases, in the order they are listed in. */
export const cases: readonly BenchCase[] = [drainPostgres, drainPostgresBatch]
