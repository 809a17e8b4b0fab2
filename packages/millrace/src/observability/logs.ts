import { type DestinationStream, type LevelWithSilent, type Logger, pino } from 'pino'
import { logBindings } from '../tracing/index.ts'
import { describeError } from './describe-error.ts'
import { prettyLines } from './pretty-lines.ts'

/** How much is logged, from most to nothing. */
export const logLevels = [
  'trace',
  'debug',
  'info',
  'warn',
  'error',
  'fatal',
  'silent',
] as const satisfies LevelWithSilent[]

/** One of {@link logLevels}. */
export type LogLevel = (typeof logLevels)[number]

/** Options of {@link createLogger}. */
export interface LoggerOptions {
  /** @default 'info' */
  readonly level?: LogLevel
  /** Lines for people instead of JSON. @default false */
  readonly pretty?: boolean
  /** Where the lines go. @default the standard output */
  readonly destination?: DestinationStream
}

/** What must never be in a log, wherever it stands in what is logged, two levels deep. */
const secretFields = ['password', 'secret', 'token', 'authorization', 'cookie', 'access_token', 'databaseUrl']

/**
 * Makes a logger: one JSON object a line, with an ISO time and the level's name, secrets taken out. Errors, under
 * `err` or `error`, carry their code, details, stack and causes. Within a request or a handler a line has the `traceId` of
 * what it is part of, and the handled event's `eventId`, where there is one.
 */
export function createLogger({ level = 'info', pretty = false, destination }: LoggerOptions = {}): Logger {
  const output = destination ?? pino.destination({ fd: 1, sync: true })
  return pino(
    {
      level,
      base: null,
      mixin: logBindings,
      timestamp: pino.stdTimeFunctions.isoTime,
      formatters: { level: (label) => ({ level: label }) },
      serializers: { err: describeError, error: describeError },
      redact: { paths: secretFields.flatMap((field) => [field, `*.${field}`, `*.*.${field}`]), censor: '[secret]' },
    },
    pretty ? prettyLines(output) : output,
  )
}
