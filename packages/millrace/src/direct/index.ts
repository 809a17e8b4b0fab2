export { DirectPublisher } from './publisher.ts'
