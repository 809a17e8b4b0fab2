import type { Fault } from './fault.ts'
import { killApp } from './kill-app.ts'
import { killBroker } from './kill-broker.ts'
import { killPostgres } from './kill-postgres.ts'
import { brokerLinks, databaseLinks } from './links.ts'
import { pauseApp } from './pause-app.ts'
import { stopApp } from './stop-app.ts'
import { visitingApp } from './visiting-app.ts'

export type { Cast, Fault } from './fault.ts'

/** All there are. */
export const faults: readonly Fault[] = [
  killApp,
  stopApp,
  pauseApp,
  visitingApp,
  killPostgres,
  killBroker,
  ...databaseLinks,
  ...brokerLinks,
]
