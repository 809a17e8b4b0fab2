import type { Bus } from '../ports/bus.ts'

/** The bus where there is no other: the log wakes its readers itself, by notifications and besides by looking. */
export const logBus: Bus = {
  name: 'log',
  follow: (partition, from) => partition.open(from),
  send: () => {},
}
