// Checked with the rest by `tsc`: the query builder that the app registers is what units and routes get.
import type { Db, Millrace, Unit } from 'millrace'
import type { AppDatabase } from '../src/database.ts'

type Exactly<A, B> = (<T>() => T extends A ? 1 : 2) extends <T>() => T extends B ? 1 : 2 ? true : false

export const registered: [
  Exactly<Db, AppDatabase>,
  Exactly<Unit['db'], AppDatabase>,
  Exactly<Millrace['db'], AppDatabase>,
] = [true, true, true]
