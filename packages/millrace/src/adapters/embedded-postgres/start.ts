import { join } from 'node:path'
import { fail, isMillraceError, messageOf } from '../../core/errors.ts'
import { type Logger, silentLogger } from '../../core/logger.ts'
import { findBinaries } from './binaries.ts'
import { addressOf, type Cluster, openCluster } from './cluster.ts'
import { ensureDatabase } from './connect.ts'
import { findHome, type Home } from './home.ts'
import { freePort } from './port.ts'
import { awaitPredecessor } from './predecessor.ts'
import { LaunchError, launchServer, type Server } from './server.ts'
import { settingArguments } from './settings.ts'

/** How to start an embedded PostgreSQL. */
export interface EmbeddedPostgresOptions {
  /** The app's data directory; made when it is missing. The server's files are in `postgres/` below it. */
  readonly directory: string
  /** False trades everything that a power failure would take for speed, for tests. @default true */
  readonly durable?: boolean
  /** Made when it is missing. @default 'millrace' */
  readonly database?: string
  /** Removes the whole directory when the server has ended, also when that is because this process was killed. @default false */
  readonly temporary?: boolean
  readonly logger?: Logger
  /** More settings of PostgreSQL's; they win over this module's own, except for the port. */
  readonly settings?: Readonly<Record<string, string>>
}

/** A PostgreSQL server that lives as long as this process, at most. */
export interface EmbeddedPostgres {
  /** `postgres://user:password@127.0.0.1:port/database`; the port changes with every start. */
  readonly url: string
  /** Of the server. */
  readonly pid: number
  /** The folder with the server's data and log. */
  readonly location: string
  /** Ends all connections and the server. Resolves when it has ended; a second call joins the first. */
  stop(): Promise<void>
}

/** For the server of an app that was killed to shut down. */
const predecessorMs = 10_000
/** For the server to be ready, which after a crash includes its recovery. */
const readyMs = 60_000

/**
 * Starts a PostgreSQL server of this process's own, on 127.0.0.1 and a free port, with its data in a directory.
 * It ends with this process, however that ends. A server that was left behind by a process that was killed is waited
 * for. As root it runs as `nobody`.
 *
 * @throws EMBEDDED_ALREADY_RUNNING when a living app uses the directory; EMBEDDED_UNAVAILABLE
 */
export async function startEmbeddedPostgres(options: EmbeddedPostgresOptions): Promise<EmbeddedPostgres> {
  try {
    return await start(options)
  } catch (error) {
    if (isMillraceError(error)) throw error
    throw fail('EMBEDDED_UNAVAILABLE', { problem: messageOf(error) }, { cause: error })
  }
}

async function start(options: EmbeddedPostgresOptions): Promise<EmbeddedPostgres> {
  const { directory, durable = true, database = 'millrace', logger = silentLogger, settings = {} } = options
  const home = await findHome(directory)
  const binaries = await findBinaries(home.account, home.binaries)
  const cluster = await openCluster(home, binaries, durable)
  const remove = options.temporary ? [directory, home.path] : []
  const plan: Plan = { directory, durable, settings, home, cluster, command: binaries.postgres, remove }
  const { server, port } = await launch(plan)
  const url = (name: string) => addressOf({ port, password: cluster.password, database: name })
  try {
    await ensureDatabase(database, url)
  } catch (error) {
    await server.stop()
    throw error
  }
  logger.info({ pid: server.pid, port, location: home.path }, 'embedded PostgreSQL started')
  void server.died.then((reason) =>
    logger.error({ pid: server.pid, location: home.path }, `embedded PostgreSQL: ${reason}`),
  )
  return { url: url(database), pid: server.pid, location: home.path, stop: () => server.stop() }
}

interface Plan {
  readonly directory: string
  readonly durable: boolean
  readonly settings: Readonly<Record<string, string>>
  readonly home: Home
  readonly cluster: Cluster
  readonly command: string
  readonly remove: readonly string[]
}

/** Launches until it works, or fails for a reason that another attempt does not change. */
async function launch(plan: Plan): Promise<{ server: Server; port: number }> {
  const deadline = performance.now() + predecessorMs
  for (;;) {
    await awaitPredecessor(plan.cluster.data, plan.directory, deadline)
    const port = await freePort()
    try {
      return { server: await launchOn(port, plan), port }
    } catch (error) {
      if (!isPassing(error) || performance.now() > deadline) throw error
    }
  }
}

function launchOn(port: number, { cluster, home, durable, settings, command, remove }: Plan): Promise<Server> {
  const own = settingArguments({ port, durable, owner: process.pid, extra: settings })
  return launchServer(
    {
      command,
      arguments: ['-D', cluster.data, ...own],
      directory: cluster.data,
      account: home.account,
      logFile: join(home.path, 'server.log'),
      remove,
    },
    readyMs,
  )
}

/** The port was taken meanwhile, another process was faster, or backends of a killed server have not ended yet. */
function isPassing(error: unknown): boolean {
  const passing = /could not create any TCP\/IP sockets|lock file .* already exists|shared memory block .* still in use/
  return error instanceof LaunchError && passing.test(error.log)
}
