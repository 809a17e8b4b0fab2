import type { AnyChannel } from './channel.ts'
import type { Consumer } from './consumer.ts'
import { fail } from './errors.ts'
import type { OutgoingEvent, Published } from './event.ts'
import type { Live } from './live.ts'
import type { Schedule } from './schedule.ts'
import type { AnyTopic } from './topic.ts'
import type { Db, DirectTopic, Unit } from './unit.ts'

/** What a running app offers its modules. There is no global: it is handed to whatever asks for it. */
export interface Millrace {
  /** The app's query builder on the pool: single statements, mostly reads. */
  readonly db: Db
  /**
   * Runs a unit of work. Its result is returned once it has committed.
   *
   * @throws TRANSACTION_NESTED, COMMIT_FAILED, DATABASE_UNAVAILABLE, DATABASE_POOL_EXHAUSTED, and what `work` throws
   */
  transaction<T>(work: (unit: Unit) => Promise<T>): Promise<T>
  /**
   * Publishes to a `direct` topic: resolves when the broker has it. Calls at the same time share round trips.
   *
   * @throws EVENT_UNKNOWN, PUBLISH_MODE_WRONG, EVENT_INVALID, RECORD_TOO_LARGE, TOPIC_UNKNOWN, BROKER_UNAVAILABLE,
   *   PUBLISH_QUEUE_FULL, SHUTTING_DOWN
   */
  publish(event: OutgoingEvent<string, unknown, DirectTopic>): Promise<Published>
  /** What there is to do about live connections besides `unit.push`. */
  readonly live: Live
  /** Adds to a counter of the app's metrics; the name gets the prefix `millrace_app_` and the suffix `_total`. */
  count(name: string, help: string): (by?: number) => void
}

/** HTTP routes of a module, made by `defineRoutes`. */
export interface Routes {
  readonly kind: 'routes'
  /** Registers them on the server it is given; the server's type belongs to the HTTP layer. */
  readonly register: (server: never, millrace: Millrace) => void | Promise<void>
}

/** A feature: everything it adds to the app. */
export interface ModuleOptions {
  readonly name: string
  readonly topics?: readonly AnyTopic[]
  /** Consumers, or a function of the running app where they need it. */
  readonly consumers?: readonly Consumer[] | ((millrace: Millrace) => readonly Consumer[])
  /** Schedules, or a function of the running app where they need it. */
  readonly schedules?: readonly Schedule[] | ((millrace: Millrace) => readonly Schedule[])
  readonly channels?: readonly AnyChannel[]
  readonly routes?: Routes
  /** Where the routes are mounted. @default '/' + name */
  readonly prefix?: string
  /** The folder of the module's `NNNN_name.sql` migrations: `new URL('./migrations/', import.meta.url)`. */
  readonly migrations?: URL
}

/** A feature of the app; see {@link defineModule}. */
export interface Module {
  readonly kind: 'module'
  readonly name: string
  readonly topics: readonly AnyTopic[]
  readonly consumers: (millrace: Millrace) => readonly Consumer[]
  readonly schedules: (millrace: Millrace) => readonly Schedule[]
  readonly channels: readonly AnyChannel[]
  readonly routes: Routes | undefined
  readonly prefix: string
  readonly migrations: URL | undefined
}

/**
 * Defines a module. Its name is its URL prefix, its database schema, and the end of its events' CloudEvents source.
 *
 * @throws DEFINITION_INVALID
 */
export function defineModule(options: ModuleOptions): Module {
  const { name, consumers = [], schedules = [] } = options
  if (!/^[a-z][a-z0-9_]{0,39}$/.test(name) || name === 'millrace') {
    throw fail('DEFINITION_INVALID', {
      what: `Module "${name}"`,
      problem: 'its name must be lower-case letters, digits and "_", at most 40, and not "millrace"',
    })
  }
  return {
    kind: 'module',
    name,
    topics: options.topics ?? [],
    consumers: typeof consumers === 'function' ? consumers : () => consumers,
    schedules: typeof schedules === 'function' ? schedules : () => schedules,
    channels: options.channels ?? [],
    routes: options.routes,
    prefix: options.prefix ?? `/${name}`,
    migrations: options.migrations,
  }
}
