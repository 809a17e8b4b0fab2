import { fail } from '../core/errors.ts'
import type { Live } from '../core/live.ts'
import type { Millrace } from '../core/module.ts'
import type { DirectPublisher } from '../direct/index.ts'
import type { Tracer } from '../tracing/index.ts'
import { insideUnit, inUnit, type UnitRunner } from '../unit/index.ts'
import type { Encoder } from './encoder.ts'
import type { AppConfig } from './options.ts'

interface MillraceParts {
  readonly units: UnitRunner
  readonly encode: Encoder
  readonly direct: DirectPublisher
  readonly live: Live
  readonly tracer: Tracer
}

/** What modules are handed; see {@link Millrace}. */
export function createMillrace(config: AppConfig, { units, encode, direct, live, tracer }: MillraceParts): Millrace {
  const { database, bind, metrics } = config
  return {
    db: bind(database),
    transaction: async (work) => {
      if (insideUnit()) throw fail('TRANSACTION_NESTED', {})
      return inUnit(units, 'request', (unit) => unit.run(work))
    },
    publish: (event) =>
      tracer.published(event.topic.name, event.type, async () => direct.publish(encode(event, 'direct'))),
    live,
    count: (name, help) => {
      const counter = metrics.appCounter(name, help)
      return (by = 1) => counter.inc(by)
    },
  }
}
