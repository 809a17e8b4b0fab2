import type { MigrationSet } from '../migrate/index.ts'

/** The tables of time: the clock, and the work that is due. */
export const timeMigrations: MigrationSet = { owner: 'time', folder: new URL('./migrations/', import.meta.url) }
