export { inUnit, type UnitRunner } from './in-unit.ts'
export type { CancelTimer, SetTimer, TimerChange } from './timer-change.ts'
export { insideUnit, UnitOfWork, type UnitSettings } from './unit-of-work.ts'
