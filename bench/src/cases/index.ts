import type { BenchCase } from '../harness/definition.ts'
import { drainKafka } from './drain-kafka.ts'
import { drainKafkaBatch } from './drain-kafka-batch.ts'
import { drainMillion } from './drain-million.ts'
import { drainPostgres } from './drain-postgres.ts'
import { drainPostgresBatch } from './drain-postgres-batch.ts'
import { drainWithFailures } from './drain-with-failures.ts'
import { latency, latencyKafka } from './latency.ts'
import { liveFanout } from './live-fanout.ts'
import { liveRecovery } from './live-recovery.ts'
import { liveUsers } from './live-users.ts'
import { publishHttp } from './publish-http.ts'
import { relay } from './relay.ts'
import { timers } from './timers.ts'

/** All cases, in the order they are listed in. */
export const cases: readonly BenchCase[] = [
  drainPostgres,
  drainPostgresBatch,
  drainWithFailures,
  latency,
  timers,
  liveFanout,
  liveUsers,
  liveRecovery,
  drainMillion,
  drainKafka,
  drainKafkaBatch,
  publishHttp,
  relay,
  latencyKafka,
]
