import type { BenchCase } from '../harness/definition.ts'
import { drainMillion } from './drain-million.ts'
import { drainPostgres } from './drain-postgres.ts'
import { drainPostgresBatch } from './drain-postgres-batch.ts'
import { latency } from './latency.ts'

/** All cases, in the order they are listed in. */
export const cases: readonly BenchCase[] = [drainPostgres, drainPostgresBatch, latency, drainMillion]
