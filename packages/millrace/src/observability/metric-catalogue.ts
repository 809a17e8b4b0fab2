/** What a metric is about: the sections of docs/metrics.md, in order. */
export const metricGroups = {
  consumers: 'Consumers',
  lag: 'Lag',
  rebalances: 'Rebalances',
  outbox: 'Outbox and relay',
  time: 'Timers and schedules',
  live: 'Live connections',
  direct: 'Direct publishes',
  brokers: 'Brokers',
  database: 'Database',
  http: 'HTTP',
  process: 'The process',
} as const

/** One metric. Its name, without the prefix, is its key in the catalogue. */
export interface MetricDefinition {
  readonly about: keyof typeof metricGroups
  readonly type: 'counter' | 'gauge' | 'histogram'
  /** What a value counts: a base unit, or what it is a number of. */
  readonly unit:
    | 'seconds'
    | 'bytes'
    | 'records'
    | 'requests'
    | 'connections'
    | 'partitions'
    | 'timers'
    | 'frames'
    | 'users'
    | 'times'
    | '0 or 1'
  readonly help: string
  /** What its series differ by: only what the app's definitions bound, never keys, ids, paths or messages. */
  readonly labels: readonly string[]
  /** Upper bounds, of a histogram. */
  readonly buckets?: readonly number[]
}

/** Seconds; from a millisecond to ten, which covers a query, a transaction and a slow client. */
const seconds = [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10]
/** Seconds, for what may be over within a statement's time. */
const shortSeconds = [0.0001, 0.00025, 0.0005, ...seconds]
const records = [1, 2, 5, 10, 25, 50, 100, 250, 500, 1_000, 2_500, 5_000]

/**
 * Every metric there is, apart from the process's basics and the app's own counters. What is not here cannot be made:
 * {@link Metrics} takes its names and labels from it. `docs/metrics.md` is generated from here and held to it by
 * `npm run verify`.
 */
export const metricCatalogue = {
  records_handled_total: {
    about: 'consumers',
    type: 'counter',
    unit: 'records',
    help: 'Records whose handlers ran and were committed; parked ones count as retried',
    labels: ['consumer'],
  },
  records_failed_total: {
    about: 'consumers',
    type: 'counter',
    unit: 'records',
    help: 'Attempts at records that failed, the first as well as later ones',
    labels: ['consumer'],
  },
  records_retried_total: {
    about: 'consumers',
    type: 'counter',
    unit: 'records',
    help: 'Parked records whose handlers ran and were committed',
    labels: ['consumer'],
  },
  records_parked_total: {
    about: 'consumers',
    type: 'counter',
    unit: 'records',
    help: 'Records parked: they failed, or wait behind one of their key that did',
    labels: ['consumer'],
  },
  records_dead_total: {
    about: 'consumers',
    type: 'counter',
    unit: 'records',
    help: 'Records that became dead letters',
    labels: ['consumer'],
  },
  records_duplicate_total: {
    about: 'consumers',
    type: 'counter',
    unit: 'records',
    help: 'Records dropped because their message id was in the inbox',
    labels: ['consumer'],
  },
  records_unhandled_total: {
    about: 'consumers',
    type: 'counter',
    unit: 'records',
    help: 'Records of event types the consumer has no handler for',
    labels: ['consumer'],
  },
  records_skipped_total: {
    about: 'consumers',
    type: 'counter',
    unit: 'records',
    help: 'Records deleted by retention before they were handled',
    labels: ['consumer'],
  },
  handler_duration_seconds: {
    about: 'consumers',
    type: 'histogram',
    unit: 'seconds',
    help: 'Handlers, sampled: of at most one record in each transaction, chosen at random; of a batch handler every call',
    labels: ['consumer'],
    buckets: shortSeconds,
  },
  prepare_duration_seconds: {
    about: 'consumers',
    type: 'histogram',
    unit: 'seconds',
    help: 'Calls of prepare, well or not',
    labels: ['consumer'],
    buckets: seconds,
  },
  chunk_duration_seconds: {
    about: 'consumers',
    type: 'histogram',
    unit: 'seconds',
    help: 'Transactions of chunks, well or not',
    labels: ['consumer'],
    buckets: seconds,
  },
  chunk_records: {
    about: 'consumers',
    type: 'histogram',
    unit: 'records',
    help: 'Records in a chunk that was committed',
    labels: ['consumer'],
    buckets: records,
  },
  positions_moved_total: {
    about: 'consumers',
    type: 'counter',
    unit: 'times',
    help: 'Chunks rolled back because the position had moved meanwhile: work done twice',
    labels: ['consumer'],
  },
  breaker_open: {
    about: 'consumers',
    type: 'gauge',
    unit: '0 or 1',
    help: 'Whether the consumer waits until something that all of its records need is well again',
    labels: ['consumer'],
  },
  consumer_paused: {
    about: 'consumers',
    type: 'gauge',
    unit: '0 or 1',
    help: 'Whether an operator has switched the consumer off',
    labels: ['consumer'],
  },
  parked_records: {
    about: 'consumers',
    type: 'gauge',
    unit: 'records',
    help: 'Records parked by all processes, as counted some seconds ago; the same in each that has the consumer',
    labels: ['consumer'],
  },
  dead_letters: {
    about: 'consumers',
    type: 'gauge',
    unit: 'records',
    help: 'Dead letters there are, up to 10,000, by all processes; without a consumer: publishes that a broker refused',
    labels: ['consumer'],
  },
  consumer_lag_records: {
    about: 'lag',
    type: 'gauge',
    unit: 'records',
    help: 'Offsets between the consumer’s position and the end of the partition, told by the process that has it',
    labels: ['consumer', 'topic', 'partition'],
  },
  consumer_lag_seconds: {
    about: 'lag',
    type: 'gauge',
    unit: 'seconds',
    help: 'How long ago the record that is handled next was produced; where none has been read yet, for how long the partition has stood still; 0 at its end',
    labels: ['consumer', 'topic', 'partition'],
  },
  consumer_partitions: {
    about: 'rebalances',
    type: 'gauge',
    unit: 'partitions',
    help: 'Partitions this process has',
    labels: ['consumer'],
  },
  partitions_assigned_total: {
    about: 'rebalances',
    type: 'counter',
    unit: 'partitions',
    help: 'Partitions this process was given',
    labels: ['consumer'],
  },
  partitions_revoked_total: {
    about: 'rebalances',
    type: 'counter',
    unit: 'partitions',
    help: 'Partitions this process gave up, or lost',
    labels: ['consumer'],
  },
  drain_duration_seconds: {
    about: 'rebalances',
    type: 'histogram',
    unit: 'seconds',
    help: 'From being told to give a partition up until its last chunk had ended',
    labels: ['consumer'],
    buckets: seconds,
  },
  drains_timed_out_total: {
    about: 'rebalances',
    type: 'counter',
    unit: 'times',
    help: 'Partitions given up with a chunk still under way, which cannot commit then',
    labels: ['consumer'],
  },
  outbox_records: {
    about: 'outbox',
    type: 'gauge',
    unit: 'records',
    help: 'Rows of the outbox not relayed yet, by all processes: counted up to 10,000, above estimated by sequence numbers',
    labels: ['lane'],
  },
  outbox_age_seconds: {
    about: 'outbox',
    type: 'gauge',
    unit: 'seconds',
    help: 'Age of the oldest row of the outbox not relayed yet, parked ones apart; 0 where there is none',
    labels: ['lane'],
  },
  outbox_parked_records: {
    about: 'outbox',
    type: 'gauge',
    unit: 'records',
    help: 'Rows of the outbox parked, up to 10,000, as their topic takes nothing, by all processes',
    labels: ['lane', 'topic'],
  },
  relay_leading: {
    about: 'outbox',
    type: 'gauge',
    unit: '0 or 1',
    help: 'Whether this process carries the lane: one does in each fleet',
    labels: ['lane'],
  },
  relay_records_total: {
    about: 'outbox',
    type: 'counter',
    unit: 'records',
    help: 'Records that the broker has taken from this process’s relay',
    labels: ['lane'],
  },
  relay_parked_total: {
    about: 'outbox',
    type: 'counter',
    unit: 'records',
    help: 'Records that this process’s relay has parked, as their topic takes nothing or an earlier one waits',
    labels: ['lane'],
  },
  relay_refused_total: {
    about: 'outbox',
    type: 'counter',
    unit: 'records',
    help: 'Records that the broker has refused for good; they are dead letters without a consumer',
    labels: ['lane'],
  },
  relay_failures_total: {
    about: 'outbox',
    type: 'counter',
    unit: 'times',
    help: 'Times that this process’s relay was interrupted: its broker or the database was away',
    labels: ['lane'],
  },
  relay_piece_duration_seconds: {
    about: 'outbox',
    type: 'histogram',
    unit: 'seconds',
    help: 'Handing one piece on: the broker’s answer and the commit of the position',
    labels: ['lane'],
    buckets: seconds,
  },
  relay_progress_timestamp_seconds: {
    about: 'outbox',
    type: 'gauge',
    unit: 'seconds',
    help: 'When this process’s relay last handed a piece on, in seconds since 1970; 0 before the first',
    labels: ['lane'],
  },
  timers_fired_total: {
    about: 'time',
    type: 'counter',
    unit: 'timers',
    help: 'Timers whose events this process moved to the outbox',
    labels: [],
  },
  timer_lateness_seconds: {
    about: 'time',
    type: 'histogram',
    unit: 'seconds',
    help: 'How long after they were due timers fired',
    labels: [],
    buckets: seconds,
  },
  timers_pending: {
    about: 'time',
    type: 'gauge',
    unit: 'timers',
    help: 'Timers to fire, as the process that fires them knows; elsewhere 0',
    labels: [],
  },
  schedule_runs_total: {
    about: 'time',
    type: 'counter',
    unit: 'times',
    help: 'Runs that were committed',
    labels: ['schedule'],
  },
  schedule_failures_total: {
    about: 'time',
    type: 'counter',
    unit: 'times',
    help: 'Runs that failed and were rolled back',
    labels: ['schedule'],
  },
  schedule_ticks_skipped_total: {
    about: 'time',
    type: 'counter',
    unit: 'times',
    help: 'Ticks left out because they came while nothing could run',
    labels: ['schedule'],
  },
  schedule_duration_seconds: {
    about: 'time',
    type: 'histogram',
    unit: 'seconds',
    help: 'Runs, well or not',
    labels: ['schedule'],
    buckets: seconds,
  },
  live_connections: {
    about: 'live',
    type: 'gauge',
    unit: 'connections',
    help: 'Open live connections of this process',
    labels: ['channel'],
  },
  live_users: {
    about: 'live',
    type: 'gauge',
    unit: 'users',
    help: 'Distinct users with a live connection to this process',
    labels: [],
  },
  live_frames_total: {
    about: 'live',
    type: 'counter',
    unit: 'frames',
    help: 'Updates written to connections, one for each',
    labels: ['channel'],
  },
  live_sent_bytes_total: {
    about: 'live',
    type: 'counter',
    unit: 'bytes',
    help: 'Bytes of the updates written to connections',
    labels: ['channel'],
  },
  live_recoveries_total: {
    about: 'live',
    type: 'counter',
    unit: 'times',
    help: 'Connections that came with a token: resumed with what they missed, or reset',
    labels: ['outcome'],
  },
  live_resets_total: {
    about: 'live',
    type: 'counter',
    unit: 'times',
    help: 'Clients told to load everything anew: their token is older than what is kept (expired), or of no history known here (unknown)',
    labels: ['reason'],
  },
  live_closes_total: {
    about: 'live',
    type: 'counter',
    unit: 'times',
    help: 'Connections that this process has closed, by why: docs/live.md has the reasons; slow is a client that did not keep up',
    labels: ['reason'],
  },
  live_tail_lag_records: {
    about: 'live',
    type: 'gauge',
    unit: 'records',
    help: 'Records of the live topic that this process knows of and has not read yet',
    labels: [],
  },
  bus_working: {
    about: 'live',
    type: 'gauge',
    unit: '0 or 1',
    help: 'Whether the bus brings live updates; while it does not, they come from the log',
    labels: [],
  },
  bus_records_total: {
    about: 'live',
    type: 'counter',
    unit: 'records',
    help: 'Records of the live topic that came to this process, by the bus or from the log; only where there is a bus',
    labels: ['from'],
  },
  bus_faults_total: {
    about: 'live',
    type: 'counter',
    unit: 'times',
    help: 'What sent this process to the log: the connection was lost; a gap; something the bus had left out (missed); a message that is not readable, or of which the log knows nothing (stranger); more than was read in time (full). And what this process could not hand to the bus (unsent)',
    labels: ['fault'],
  },
  live_history_bytes: {
    about: 'live',
    type: 'gauge',
    unit: 'bytes',
    help: 'About what the history takes from which clients are given what they missed',
    labels: [],
  },
  live_flush_duration_seconds: {
    about: 'live',
    type: 'histogram',
    unit: 'seconds',
    help: 'Writing what came in at once to all connections it is for',
    labels: [],
    buckets: shortSeconds,
  },
  direct_records_total: {
    about: 'direct',
    type: 'counter',
    unit: 'records',
    help: 'Records published directly that the broker has taken',
    labels: ['topic'],
  },
  direct_failures_total: {
    about: 'direct',
    type: 'counter',
    unit: 'records',
    help: 'Records published directly that were not confirmed, or refused at once as too many were waiting',
    labels: ['topic'],
  },
  direct_requests_total: {
    about: 'direct',
    type: 'counter',
    unit: 'requests',
    help: 'Requests to the broker that direct publishes shared',
    labels: ['topic'],
  },
  direct_request_duration_seconds: {
    about: 'direct',
    type: 'histogram',
    unit: 'seconds',
    help: 'Requests to the broker that direct publishes shared, well or not',
    labels: ['topic'],
    buckets: seconds,
  },
  direct_waiting_records: {
    about: 'direct',
    type: 'gauge',
    unit: 'records',
    help: 'Direct publishes without an answer yet',
    labels: [],
  },
  direct_waiting_bytes: {
    about: 'direct',
    type: 'gauge',
    unit: 'bytes',
    help: 'Bytes of direct publishes without an answer yet; beyond 64 MiB more are refused',
    labels: [],
  },
  broker_faults_total: {
    about: 'brokers',
    type: 'counter',
    unit: 'times',
    help: 'What did not get through to a broker and was tried again: produce, fetch, group',
    labels: ['broker', 'part'],
  },
  database_answering: {
    about: 'database',
    type: 'gauge',
    unit: '0 or 1',
    help: 'Whether the database answered in time what this scrape asks of it; where not, what it would have said is left out',
    labels: [],
  },
  database_connections: {
    about: 'database',
    type: 'gauge',
    unit: 'connections',
    help: 'Connections on loan, by whose share they come from: requests, workers (chunks), the framework’s own',
    labels: ['share'],
  },
  database_waiting: {
    about: 'database',
    type: 'gauge',
    unit: 'requests',
    help: 'Callers that wait for a connection, by share',
    labels: ['share'],
  },
  counter_working: {
    about: 'http',
    type: 'gauge',
    unit: '0 or 1',
    help: 'Whether requests are counted for the limits of all processes together; only where that is asked for',
    labels: [],
  },
  requests_counted_alone_total: {
    about: 'http',
    type: 'counter',
    unit: 'requests',
    help: 'Requests that this process counted for itself, as what counts for all did not answer',
    labels: [],
  },
  http_request_duration_seconds: {
    about: 'http',
    type: 'histogram',
    unit: 'seconds',
    help: 'From a request’s first byte to its answer’s last; route is the pattern, not the path',
    labels: ['method', 'route', 'status'],
    buckets: seconds,
  },
  build_info: {
    about: 'process',
    type: 'gauge',
    unit: '0 or 1',
    help: 'Always 1: which app this is, in which version, on which Node',
    labels: ['app', 'version', 'node'],
  },
} as const satisfies Readonly<Record<string, MetricDefinition>>

type Catalogue = typeof metricCatalogue

/** A metric's name, without the prefix. */
export type MetricName<Type extends MetricDefinition['type'] = MetricDefinition['type']> = {
  [Name in keyof Catalogue]: Catalogue[Name]['type'] extends Type ? Name : never
}[keyof Catalogue]

/** The labels of a metric. */
export type MetricLabel<Name extends MetricName> = Catalogue[Name]['labels'][number]
