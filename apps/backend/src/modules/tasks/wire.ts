import { type ForeignRecord, typeField } from 'millrace'
import * as z from 'zod'

/**
 * A schema of an event’s data, in the bodies that other programs write: `{event_type | type, data: {…}}`, or the fields at
 * the top. What is written here is the first, with `event_type`.
 */
export function onWire<const Type extends string, Data extends z.ZodObject>(type: Type, data: Data) {
  return z.codec(z.looseObject({}), data, {
    decode: (body) => fieldsOf(body) as z.input<Data>,
    encode: (fields) => ({ event_type: type, data: fields }),
  })
}

/** The type of a record of another program: the field `event_type`, or `type`. */
export function typeOnWire(record: ForeignRecord): string | undefined {
  return typeField('event_type')(record) ?? typeField('type')(record)
}

/** Other programs number their rows, write times without an offset, and say null for what is not there. */
const readings: Readonly<Record<string, (value: unknown) => unknown>> = {
  id: asText,
  user_id: asText,
  due_date: asInstant,
  completed_at: asInstant,
  priority: (value) => value ?? undefined,
  task_version: asVersion,
}

/** Other programs may claim any: no task has been changed so often, and from here on it could not be changed much more. */
const mostVersion = 2_000_000_000

function fieldsOf({ event_type: _type, type: _sameType, data, ...own }: Readonly<Record<string, unknown>>) {
  const fields = data !== null && typeof data === 'object' && !Array.isArray(data) ? data : own
  const read = Object.entries(fields).map(([name, value]) => [name, (readings[name] ?? asItIs)(value)] as const)
  return Object.fromEntries(read.filter(([, value]) => value !== undefined))
}

function asItIs(value: unknown): unknown {
  return value
}

function asText(value: unknown): unknown {
  return Number.isSafeInteger(value) ? String(value) : value
}

function asVersion(value: unknown): unknown {
  return Number(value) > mostVersion ? undefined : value
}

/** A time without an offset is in UTC; a date is its beginning. What is no time is left for the schema to refuse. */
function asInstant(value: unknown): unknown {
  if (typeof value !== 'string' || !/^\d{4}-\d\d-\d\d([T ]|$)/.test(value)) return value
  const [date = '', time = '00:00:00'] = value.split(/[T ]/)
  const at = new Date(`${date}T${time}${/(Z|[+-]\d\d:?\d\d)$/i.test(time) ? '' : 'Z'}`)
  return Number.isNaN(at.getTime()) ? value : at.toISOString()
}
