export { describeError, withoutPasswords } from './describe-error.ts'
export { createLogger, type LoggerOptions, type LogLevel } from './logs.ts'
export { type MetricDefinition, type MetricName, metricCatalogue, metricGroups } from './metric-catalogue.ts'
export { createMetrics, type Metrics, metricPrefix } from './metrics.ts'
