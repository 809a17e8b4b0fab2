import { fail } from '../core/errors.ts'
import type { Millrace } from '../core/module.ts'
import type { DirectPublisher } from '../direct/index.ts'
import { insideUnit, inUnit, type UnitRunner } from '../unit/index.ts'
import type { Encoder } from './encoder.ts'
import type { AppConfig } from './options.ts'

interface MillraceParts {
  readonly units: UnitRunner
  readonly encode: Encoder
  readonly direct: DirectPublisher
}

/** What modules are handed; see {@link Millrace}. */
export function createMillrace(config: AppConfig, { units, encode, direct }: MillraceParts): Millrace {
  const { database, bind, metrics } = config
  return {
    db: bind(database),
    transaction: async (work) => {
      if (insideUnit()) throw fail('TRANSACTION_NESTED', {})
      return inUnit(units, 'request', (unit) => unit.run(work))
    },
    publish: async (event) => direct.publish(encode(event, 'direct')),
    count: (name, help) => {
      const counter = metrics.counter(`app_${name}_total`, help)
      return (by = 1) => counter.inc(by)
    },
  }
}
