import { isDuration } from '../core/duration.ts'
import { byOption } from './by.ts'
import { numberOf, type Options, textOf, timeOf, UsageError, type Values } from './command.ts'

/** Which of a consumer's partitions. */
export const partitionOptions: Options = {
  topic: { type: 'string', help: 'only in this topic of the consumer' },
  partition: { type: 'string', help: 'only in this partition' },
  'dry-run': { type: 'boolean', help: 'only say what would be done' },
  ...byOption,
}

/** What they say, as the routes take it. */
export function partitionChoiceOf(values: Values) {
  const partition = textOf(values, 'partition')
  return {
    topic: textOf(values, 'topic'),
    partition: partition === '0' ? 0 : numberOf(values, 'partition'),
    dryRun: values['dry-run'] === true,
  }
}

/**
 * A point in a consumer's logs, as the routes take it.
 *
 * @throws UsageError
 */
export function placeOf(values: Values, name: string): string | number | undefined {
  const text = textOf(values, name)
  if (text === undefined || text === 'earliest' || text === 'latest') return text
  if (/^\d{1,15}$/.test(text)) return Number(text)
  if (isDuration(text) || !Number.isNaN(Date.parse(text))) return timeOf(values, name)
  throw new UsageError(
    `--${name} is "${text}", which is neither earliest, latest, a time (2026-01-31T10:00Z), how long ago (2h), nor an offset.`,
  )
}

/** The same of an option that must be there. */
export function neededPlaceOf(values: Values, name: string): string | number {
  const place = placeOf(values, name)
  if (place === undefined) throw new UsageError(`Say --${name}: earliest, latest, a time, how long ago, or an offset.`)
  return place
}
