import { join } from 'node:path'

/** What the server of a data directory has written about itself into `postmaster.pid`. */
export interface LockFile {
  readonly pid: number
  readonly port: string
  /** `starting`, `ready` or `stopping`. */
  readonly status: string
}

/** Where a server writes it. */
export function lockFileIn(data: string): string {
  return join(data, 'postmaster.pid')
}

/** Undefined where the text names no process. */
export function parseLockFile(text: string): LockFile | undefined {
  const lines = text.split('\n')
  const pid = Number.parseInt(lines[0] ?? '', 10)
  return pid > 0 ? { pid, port: lines[3]?.trim() ?? '', status: lines[7]?.trim() ?? '' } : undefined
}
