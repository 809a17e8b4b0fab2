export { currentTrace, inSurroundings, logBindings, type Surroundings, surroundings } from './surroundings.ts'
export { Tracer } from './tracer.ts'
