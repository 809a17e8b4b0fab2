export { describeError, withoutPasswords } from './describe-error.ts'
export { createLogger, type LoggerOptions, type LogLevel } from './logs.ts'
export { createMetrics, type Metrics } from './metrics.ts'
