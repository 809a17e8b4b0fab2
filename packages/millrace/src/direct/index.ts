export type { DirectMetrics } from './metrics.ts'
export { DirectPublisher } from './publisher.ts'
