export { insideUnit, UnitOfWork, type UnitSettings } from './unit-of-work.ts'
