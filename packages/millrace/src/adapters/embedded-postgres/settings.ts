/** What the server's settings depend on. */
export interface ServerSettings {
  readonly port: number
  readonly durable: boolean
  /** The process the server belongs to; the settings carry it, and the server writes it to `postmaster.opts`. */
  readonly owner: number
  /** Settings that come last and win. */
  readonly extra: Readonly<Record<string, string>>
}

/** The server's settings as command-line arguments. */
export function settingArguments({ port, durable, owner, extra }: ServerSettings): string[] {
  const settings: Record<string, string> = {
    listen_addresses: '127.0.0.1',
    // No faster than loopback, and one more place that would have to be reachable.
    unix_socket_directories: '',
    password_encryption: 'scram-sha-256',
    max_connections: '200',
    timezone: 'UTC',
    log_timezone: 'UTC',
    // The supervisor keeps the log, within its bound.
    logging_collector: 'off',
    log_destination: 'stderr',
    ...(durable ? {} : fast),
    ...extra,
    port: String(port),
    [ownerSetting]: String(owner),
  }
  return Object.entries(settings).flatMap(([name, value]) => ['-c', `${name}=${value}`])
}

/** The setting that names the process a server belongs to. PostgreSQL keeps settings it does not know, if dotted. */
export const ownerSetting = 'millrace.owner'

/** Loses everything when the machine stops, for tests. */
const fast = {
  fsync: 'off',
  synchronous_commit: 'off',
  full_page_writes: 'off',
  wal_level: 'minimal',
  max_wal_senders: '0',
  // In the data directory, which is removed with everything in it; /dev/shm keeps what a killed server had there.
  dynamic_shared_memory_type: 'mmap',
}
