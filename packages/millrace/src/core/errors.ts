/**
 * The closed list of everything that can go wrong and has a name. A code is never reused.
 * `message` and `remedy` fill `{placeholders}` from the details; `status` is the HTTP answer.
 * `docs/errors.md` is generated from here and held to it by `npm run verify`.
 */
export const errorCatalogue = {
  // configuration and process
  CONFIG_INVALID: {
    status: 500,
    message: 'The configuration has {count} problem(s):\n{problems}',
    remedy: 'Correct the variables named above and start again; docs/configuration.md lists each with its default.',
  },
  NODE_TOO_OLD: {
    status: 500,
    message: 'Millrace needs Node {needed} or newer; this is {found}.',
    remedy: 'Run it through the npm scripts (npm start, npm test), which bring the right Node.',
  },
  DURATION_INVALID: {
    status: 500,
    message: '"{value}" is not a duration.',
    remedy: 'Write milliseconds as a number, or a number with ms, s, m, h or d, such as "250ms" or "10s".',
  },
  DEFINITION_INVALID: {
    status: 500,
    message: '{what}: {problem}',
    remedy: 'Correct the definition; it is checked when the app is created, before anything starts.',
  },
  START_FAILED: {
    status: 500,
    message: 'Starting {part} failed: {reason}',
    remedy: 'The cause says why; what had started before it has been stopped again.',
  },
  SHUTTING_DOWN: {
    status: 503,
    message: 'This process is shutting down.',
    remedy: 'Send the request again; another process, or this one after its restart, will take it.',
  },

  // events and records
  EVENT_INVALID: {
    status: 422,
    message: 'The {type} event for topic {topic} does not fit its schema: {problem}',
    remedy: 'Correct the data that is published, or the schema in the topic’s definition.',
  },
  EVENT_UNKNOWN: {
    status: 500,
    message: 'Topic {topic} belongs to no module of this app.',
    remedy: 'List the topic in the `topics` of a module that is given to createApp.',
  },
  PUBLISH_MODE_WRONG: {
    status: 500,
    message: 'Topic {topic} is published by "{mode}"; {call} is for the other mode.',
    remedy:
      'Use unit.publish for outbox topics and millrace.publish for direct ones, so that one key never travels two ways.',
  },
  RECORD_TOO_LARGE: {
    status: 413,
    message: 'A record of {size} bytes for topic {topic} is too large: the limit is {limit}.',
    remedy: 'Publish a reference to the large part, or raise the limit on the broker and in the app.',
  },
  RECORD_UNDECODABLE: {
    status: 422,
    message: 'The record’s value is not valid {format}: {problem}',
    remedy: 'The record is kept in the dead letters with its bytes; correct its producer.',
  },
  RECORD_INVALID: {
    status: 422,
    message: 'The record’s data does not fit the schema of {type}: {problem}',
    remedy: 'The record is kept in the dead letters with its bytes; correct its producer or the schema.',
  },
  RECORD_TYPE_UNKNOWN: {
    status: 422,
    message: 'The record’s type "{type}" is not in the contract of topic {topic}.',
    remedy: 'Add the event to the topic’s definition, or correct its producer.',
  },

  RECORD_ENDS_PROCESS: {
    status: 500,
    message: 'Handling this record ended or hung its process {times} times.',
    remedy: 'Look at what its handler does with it (memory, endless loops, process.exit), then redrive or discard it.',
  },

  // unit of work
  TRANSACTION_NESTED: {
    status: 500,
    message: 'millrace.transaction was called inside a unit of work.',
    remedy: 'Use the unit that is already there; unit.attempt gives a part of it that can fail alone.',
  },
  UNIT_CLOSED: {
    status: 500,
    message: 'The unit of work was used after its function had ended.',
    remedy: 'Await everything that uses the unit before its function returns.',
  },
  TRANSACTION_CONTROL: {
    status: 500,
    message: 'A unit of work’s transaction is not begun, ended or divided by a statement: {statement}',
    remedy:
      'Let the function return to commit, throw to roll back, and use unit.attempt for a part that may fail alone.',
  },
  STATEMENT_PENDING: {
    status: 500,
    message: '{count} statement(s) were still running when the unit’s function ended.',
    remedy: 'Await every statement; one that is left alone would escape the transaction’s outcome.',
  },
  ATTEMPTS_OVERLAP: {
    status: 500,
    message: 'The unit of work was used beside a unit.attempt that is still under way.',
    remedy: 'Await each attempt before the next statement, publish or attempt: its rollback would undo theirs as well.',
  },
  STATEMENT_FAILED_UNSEEN: {
    status: 500,
    message: 'A statement failed and its error was caught, so PostgreSQL has rolled the transaction back: {problem}',
    remedy: 'Let the error pass, or wrap the part that may fail in unit.attempt, which sets a savepoint.',
  },
  COMMIT_FAILED: {
    status: 500,
    message: 'The transaction was rolled back by the database at COMMIT.',
    remedy: 'The cause is the first statement that failed in it.',
  },

  // database
  DATABASE_UNAVAILABLE: {
    status: 503,
    message: 'The database cannot be reached: {problem}',
    remedy: 'Check DATABASE_URL and the server; work that was under way is taken up again by itself.',
  },
  DATABASE_POOL_EXHAUSTED: {
    status: 503,
    message: 'No database connection became free within {wait} ms.',
    remedy:
      'Look for transactions that stay open for long, see whether the database answers, or raise DATABASE_POOL_SIZE.',
  },
  MIGRATION_CHANGED: {
    status: 500,
    message: 'Migration {migration} has been applied with other contents than its file has now.',
    remedy: 'Restore the file and put the change into a new migration.',
  },
  MIGRATION_FAILED: {
    status: 500,
    message: 'Migration {migration} failed: {problem}',
    remedy: 'It was rolled back as a whole; correct it and start again.',
  },

  // time
  TIMER_INVALID: {
    status: 500,
    message: 'A timer for topic {topic} cannot be set: {problem}',
    remedy: 'Correct the call of unit.publishAfter or unit.cancel; nothing has been written.',
  },
  SCHEDULE_UNKNOWN: {
    status: 404,
    message: 'There is no schedule {schedule}.',
    remedy: 'See which there are (GET /admin/schedules); one is there once a worker that has it was started.',
  },

  // live
  CHANNEL_UNKNOWN: {
    status: 500,
    message: 'Channel {channel} belongs to no module of this app.',
    remedy: 'List the channel in the `channels` of a module that is given to createApp.',
  },
  PUSH_INVALID: {
    status: 422,
    message: 'A push to channel {channel} is not possible: {problem}',
    remedy: 'Correct the audience or the message that is pushed, or the schema in the channel’s definition.',
  },
  LIVE_UNAVAILABLE: {
    status: 503,
    message: 'This process serves no live updates now.',
    remedy:
      'Try again. It stays so where the app has no channels, or the process is not of the role "api", or is shutting down.',
  },
  LIVE_FULL: {
    status: 503,
    message: 'This process has as many live connections as it takes.',
    remedy: 'Try again later, or run more processes.',
  },
  LIVE_UNAUTHORIZED: {
    status: 401,
    message: 'Live updates need a token that this app knows the user of.',
    remedy: 'Give http.authenticate to the app; without it there are no users, and everybody is refused.',
  },
  LIVE_ORIGIN_REFUSED: {
    status: 403,
    message: 'Pages of {origin} may not open live connections here.',
    remedy: 'List the origin in http.liveOrigins.',
  },
  UPGRADE_REQUIRED: {
    status: 426,
    message: 'This is a WebSocket.',
    remedy: 'Connect with a WebSocket client; docs/live.md describes the protocol.',
  },

  // broker
  BROKER_CONNECT_FAILED: {
    status: 503,
    message: 'Kafka at {brokers} could not be reached in {attempts} attempt(s): {problem}',
    remedy:
      'Check KAFKA_BROKERS, and KAFKA_SSL, KAFKA_SSL_CA and the KAFKA_SASL_… variables where the brokers ask for them; KAFKA_CONNECT_ATTEMPTS says how often it is tried.',
  },
  BROKER_UNAVAILABLE: {
    status: 503,
    message: 'The broker cannot be reached: {problem}',
    remedy: 'Check the broker. What was to be published is not confirmed: send it again, with the same id.',
  },
  TOPIC_UNKNOWN: {
    status: 500,
    message: 'Topic {topic} is not on the broker.',
    remedy: 'Topics are created at start from the modules; list it in one, or create it on the broker.',
  },
  TOPIC_NOT_ALLOWED: {
    status: 500,
    message: 'The broker does not allow this app to use topic {topic}.',
    remedy: 'Give the app’s account on the broker access to the topic. What a unit published is in the dead letters.',
  },
  RECORD_REFUSED: {
    status: 422,
    message: 'The broker refused a record for topic {topic}: {problem}',
    remedy: 'Correct what is published, or the topic’s settings. What a unit published is in the dead letters.',
  },
  RECORD_HELD: {
    status: 503,
    message: 'A record for topic {topic} was not sent: the broker has refused an earlier one with the same key.',
    remedy: 'See to the earlier record, then send this one again: the order of a key is kept.',
  },
  TOPIC_NOT_CREATED: {
    status: 500,
    message: 'The broker does not create topic {topic}: {problem}',
    remedy:
      'Correct what the message names (KAFKA_TOPIC_REPLICAS, the topic’s definition), or create the topic yourself.',
  },
  GROUP_NOT_ALLOWED: {
    status: 500,
    message: 'The broker does not allow this app to use consumer group {group}.',
    remedy: 'Give the app’s account on the broker access to the group; KAFKA_GROUP_PREFIX is put in front of its name.',
  },
  PUBLISH_QUEUE_FULL: {
    status: 503,
    message: 'More than {limit} bytes of direct publishes are waiting for the broker.',
    remedy: 'Slow down and send again; the broker is slower than what is published.',
  },
  POSITION_BEYOND_END: {
    status: 500,
    message: 'Consumer {consumer} stands at {position} of {topic}/{partition}, beyond its end at {end}.',
    remedy:
      'The topic was cut. Say where the consumer is to go on: npx millrace consumers seek {consumer} --topic {topic} --partition {partition} --to latest (or earliest, a time, an offset).',
  },

  TOPIC_RECREATED: {
    status: 500,
    message:
      'Topic {topic} was deleted and created again: its id is {id}, and consumer {consumer} has positions in {former}.',
    remedy:
      'Only you know whether the new topic has the old records again. Say where the consumer is to go on in it: npx millrace consumers seek {consumer} --topic {topic} --to earliest (or latest, a time).',
  },
  LOG_SHRANK: {
    status: 503,
    message: 'The log of {place} ends at {end}, before {offset}, up to which it was read: its last commits are lost.',
    remedy: 'Consumers take up again by themselves from their positions; find out why the database has lost commits.',
  },
  LOG_REPLACED: {
    status: 503,
    message: 'The log of {place} has another record at {offset} than was read there: its last commits were lost.',
    remedy:
      'Consumers take up again from their positions, live updates begin anew, both by themselves; find out why the database has lost commits.',
  },

  // operations
  DEAD_LETTER_UNKNOWN: {
    status: 404,
    message: 'There is no dead letter {id}.',
    remedy: 'See which there are (GET /admin/dead-letters); millrace.dead_letter_audit has those seen to before.',
  },
  CONSUMER_UNKNOWN: {
    status: 404,
    message: 'There is no consumer {consumer}.',
    remedy: 'See which there are (GET /admin/consumers); one is there once it has run.',
  },
  CONSUMER_NOT_HERE: {
    status: 404,
    message: 'The asked process has no consumer {consumer}.',
    remedy: 'Check its name, or ask a process that has its module: that one knows the consumer’s topics.',
  },
  OFFSET_OUTSIDE_LOG: {
    status: 422,
    message: 'Offset {offset} is not within {topic}/{partition}, which begins at {start} and ends at {end}.',
    remedy: 'Name an offset from {start} to {end}, or say earliest, latest or a time.',
  },
  REPLAY_RUNNING: {
    status: 409,
    message: 'Replay {replay} of consumer {consumer} is under way; there is one at a time.',
    remedy:
      'Wait until it has ended (GET /admin/replays/{replay}), or cancel it: npx millrace replays cancel {replay}.',
  },
  REPLAY_ENDED: {
    status: 409,
    message: 'Replay {replay} has ended already.',
    remedy: 'There is nothing to cancel; GET /admin/replays/{replay} says what came of it.',
  },
  REPLAY_UNKNOWN: {
    status: 404,
    message: 'There is no replay {replay}.',
    remedy: 'See which there are: GET /admin/replays.',
  },
  CONSUMER_PAUSED_BY_SETTING: {
    status: 409,
    message: 'Consumer {consumer} is paused by a setting of this process.',
    remedy: 'Take it out of CONSUMERS_PAUSED and start the process again.',
  },
  ADMIN_UNAUTHORIZED: {
    status: 401,
    message: 'This route needs the operators’ token.',
    remedy:
      'Send "Authorization: Bearer" with the app’s ADMIN_TOKEN; with the embedded PostgreSQL it is in DATA_DIR/admin-token. An app that has none answers this to everybody.',
  },
  APP_UNREACHABLE: {
    status: 503,
    message: 'No app answers at {url}: {problem}',
    remedy: 'Start the app, or name its address with --url.',
  },

  // who sends a request
  UNAUTHORIZED: {
    status: 401,
    message: 'This route needs a user’s access token, and there is none, or one that is not valid.',
    remedy: 'Log in, or refresh the token, and send "Authorization: Bearer" with the access token.',
  },
  IDENTITY_UNAVAILABLE: {
    status: 503,
    message: 'Whose token this is cannot be told for now: {problem}',
    remedy: 'Check JWT_JWKS_URL and the server behind it; tokens of keys that are known are taken meanwhile.',
  },
  SECRET_TOO_SHORT: {
    status: 500,
    message: 'The secret that signs tokens has {bytes} bytes; it needs {needed}.',
    remedy: 'Set JWT_SECRET to a random text, such as openssl rand -base64 32 makes.',
  },

  // login, of the app’s module tasks
  EMAIL_TAKEN: {
    status: 409,
    message: 'This e-mail has an account already.',
    remedy: 'Log in, or register with another e-mail.',
  },
  LOGIN_FAILED: {
    status: 401,
    message: 'The e-mail and the password do not belong together.',
    remedy: 'Correct them, or register. Which of the two is wrong is not told.',
  },
  REFRESH_TOKEN_INVALID: {
    status: 401,
    message: 'The refresh token is not valid: it was used before, has expired, or its session has ended.',
    remedy: 'Log in again. Each refresh answers with the token for the next one; send each token once.',
  },
  LOGINS_BUSY: {
    status: 503,
    message: 'Too many passwords are being checked.',
    remedy: 'Send it again when Retry-After says; docs/operations.md lists the limits.',
  },

  // HTTP
  REQUEST_INVALID: {
    status: 422,
    message: 'The request does not fit: {problem}',
    remedy: 'See /docs for what this route takes.',
  },
  BODY_UNREADABLE: {
    status: 400,
    message: 'The body could not be read: {problem}',
    remedy: 'Send valid JSON with content-type application/json.',
  },
  BODY_TOO_LARGE: {
    status: 413,
    message: 'The body is over the limit of {limit} bytes.',
    remedy: 'Send less at a time.',
  },
  MEDIA_TYPE_UNSUPPORTED: {
    status: 415,
    message: 'This route does not take {type}.',
    remedy: 'Send application/json.',
  },
  ROUTE_NOT_FOUND: {
    status: 404,
    message: 'There is no {method} {path}.',
    remedy: 'See /docs for the routes there are.',
  },
  PAGES_NOT_BUILT: {
    status: 503,
    message: 'The pages at {at} were not built.',
    remedy: 'Build them (npm run build); npm start does it by itself. The process need not be started again.',
  },
  REQUEST_UNREADABLE: {
    status: 400,
    message: 'The request could not be read: {problem}',
    remedy: 'Send a valid HTTP/1.1 request with a correctly encoded path.',
  },
  REQUEST_TIMED_OUT: {
    status: 408,
    message: 'The request did not arrive in time.',
    remedy: 'Send it again, whole and without pauses.',
  },
  HEADERS_TOO_LARGE: {
    status: 431,
    message: 'The request’s headers are too large.',
    remedy: 'Send fewer or shorter headers; cookies are the usual reason.',
  },
  REQUEST_REFUSED: {
    status: 400,
    message: '{problem}',
    remedy: 'See /docs for what this route takes.',
  },
  TOO_MANY_REQUESTS: {
    status: 429,
    message: 'These are more than {max} requests at a time; it may be asked again in {seconds} s.',
    remedy: 'Wait as long as the header Retry-After says, and ask less often.',
  },
  TLS_FILES_INVALID: {
    status: 500,
    message: 'The certificate {certFile} and the key {keyFile} cannot be used: {problem}',
    remedy: 'Correct TLS_CERT_FILE and TLS_KEY_FILE: both PEM, readable by this process, and made for each other.',
  },
  LISTEN_FAILED: {
    status: 500,
    message: 'The server cannot listen on {host}:{port}: {problem}',
    remedy: 'Stop the program that has the port, or set PORT to another one (0 takes any that is free).',
  },
  NOT_FOUND: {
    status: 404,
    message: 'There is no {what} {id}.',
    remedy: 'It was deleted, or its id is another one; list what there is.',
  },
  CHANGED_MEANWHILE: {
    status: 412,
    message: '{what} {id} has the ETag {etag}, which If-Match does not name.',
    remedy: 'Somebody has changed it. Get it again, decide anew, and send the change with its present ETag.',
  },
  CHANGE_REFUSED: {
    status: 409,
    message: '{what} {id} does not allow that: {reason}.',
    remedy: 'Leave it as it is; /docs says what is allowed when.',
  },
  IDEMPOTENCY_KEY_REUSED: {
    status: 422,
    message: 'This Idempotency-Key was sent before, with another request.',
    remedy: 'Send each request with a key of its own, and the same key only with the same request again.',
  },
  IDS_EXHAUSTED: {
    status: 507,
    message: 'Every id for {what}, up to {limit}, has been given out.',
    remedy: 'Widen the id’s type with a migration and a new version of the contract.',
  },
  INTERNAL: {
    status: 500,
    message: 'The request failed for a reason of the server’s.',
    remedy: 'The log has the cause under the request’s id.',
  },

  // embedded PostgreSQL
  EMBEDDED_ALREADY_RUNNING: {
    status: 500,
    message: 'The data directory {directory} is in use by another running app (PostgreSQL {pid} on port {port}).',
    remedy: 'Stop the other app, give this one another DATA_DIR, or set DATABASE_URL to share one database.',
  },
  EMBEDDED_UNAVAILABLE: {
    status: 500,
    message: 'The embedded PostgreSQL cannot run here: {problem}',
    remedy: 'Set DATABASE_URL to a PostgreSQL server (15 or newer), or correct what the message names.',
  },
} as const satisfies Record<string, { status: number; message: string; remedy: string }>

/** A code of the catalogue. */
export type ErrorCode = keyof typeof errorCatalogue

type Placeholders<Text> = Text extends `${string}{${infer Name}}${infer Rest}` ? Name | Placeholders<Rest> : never

/** What the message and remedy of a code need to be filled. */
export type ErrorDetails<Code extends ErrorCode> = {
  readonly [Name in Placeholders<(typeof errorCatalogue)[Code]['message' | 'remedy']>]: string | number
}

/** Every error that Millrace raises itself: a code of the catalogue, its details, and what to do about it. */
export class MillraceError extends Error {
  override readonly name = 'MillraceError'
  readonly code: ErrorCode
  readonly details: Readonly<Record<string, string | number>>
  /** What to do about it. */
  readonly remedy: string
  /** The HTTP status it is answered with. */
  readonly status: number

  constructor(code: ErrorCode, details: Readonly<Record<string, string | number>>, options?: ErrorOptions) {
    super(fill(errorCatalogue[code].message, details), options)
    this.code = code
    this.details = details
    this.remedy = fill(errorCatalogue[code].remedy, details)
    this.status = errorCatalogue[code].status
  }
}

/** Makes the error of a code, with the details its texts need; `throw fail(…)`. */
export function fail<Code extends ErrorCode>(
  code: Code,
  details: ErrorDetails<Code>,
  options?: ErrorOptions,
): MillraceError {
  return new MillraceError(code, details, options)
}

/** Whether something thrown is a Millrace error, of this code where one is given. */
export function isMillraceError(error: unknown, code?: ErrorCode): error is MillraceError {
  return error instanceof MillraceError && (code === undefined || error.code === code)
}

/**
 * What names an error without quoting any data: its code (of the catalogue, an SQLSTATE, the system's), also where a query
 * builder has wrapped it; else its class.
 */
export function codeOf(error: unknown): string {
  for (let current = error, depth = 0; current instanceof Error && depth < 5; current = current.cause, depth += 1) {
    const { code } = current as { code?: unknown }
    if (typeof code === 'string' && /^[\w-]{1,100}$/.test(code)) return code
  }
  return error instanceof Error ? error.name.slice(0, 100) : 'Error'
}

/** A short text of anything that can be thrown. */
export function messageOf(error: unknown): string {
  try {
    if (error instanceof AggregateError && error.message === '') return error.errors.map(messageOf).join('; ')
    return error instanceof Error ? String(error.message) : String(error)
  } catch {
    // `throw Object.create(null)`: handlers may throw anything, and what reports it must not throw for it.
    return 'something without a text was thrown'
  }
}

function fill(text: string, details: Readonly<Record<string, string | number>>): string {
  return text.replace(/\{(\w+)\}/g, (whole, name: string) => String(details[name] ?? whole))
}
