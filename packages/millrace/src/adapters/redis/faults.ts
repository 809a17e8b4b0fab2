/** Why followers went to the log, and how often; docs/metrics.md says what each is. */
export interface BusFaults extends Record<string, number> {
  /** A session with Redis has ended. */
  connection: number
  /** What came was not what comes next. */
  gap: number
  /** The log had records after a silence. */
  missed: number
  unreadable: number
  /** What came is not in the log. */
  stranger: number
  /** More came than was read. */
  full: number
  /** What this process appended was not sent. */
  unsent: number
}

/** None yet. */
export function noFaults(): BusFaults {
  return { connection: 0, gap: 0, missed: 0, unreadable: 0, stranger: 0, full: 0, unsent: 0 }
}
