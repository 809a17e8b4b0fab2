export { inUnit, type UnitRunner } from './in-unit.ts'
export { insideUnit, UnitOfWork, type UnitSettings } from './unit-of-work.ts'
