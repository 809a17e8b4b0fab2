/** What the files of a folder may import. A folder's own files always may. */
export interface ImportRule {
  /** Folders of the same source tree, values and types. */
  readonly from: readonly string[]
  /** Folders of which only types. */
  readonly typesFrom?: readonly string[]
  /** Packages. `node:` stands for every built-in module. */
  readonly packages: readonly string[]
  /** Packages of which only types. */
  readonly typesFromPackages?: readonly string[]
  readonly why: string
}

/** The framework's folders: arrows point inward, technology sits at the edge. */
export const frameworkImports: Readonly<Record<string, ImportRule>> = {
  core: {
    from: [],
    packages: [],
    typesFromPackages: ['zod/v4/core'],
    why: 'definitions, which run anywhere: no built-in module, no library',
  },
  ports: { from: [], typesFrom: ['core'], packages: [], why: 'interfaces; their comments are the contract' },
  contracts: {
    from: ['core'],
    typesFrom: ['ports'],
    packages: ['node:', 'zod/v4/core', '@bufbuild/protobuf'],
    why: 'a format for each file, over the library it is of',
  },
  migrate: { from: ['core'], typesFrom: ['ports'], packages: ['node:'], why: 'reads files, writes through the port' },
  tracing: {
    from: ['core', 'contracts'],
    typesFrom: ['ports'],
    packages: ['node:'],
    why: 'what the code that runs now is part of; an event brings its trace in the headers that contracts read',
  },
  unit: {
    from: ['core', 'contracts', 'tracing'],
    typesFrom: ['ports'],
    packages: ['node:'],
    why: 'what is published carries the cause that contracts write into headers',
  },
  outbox: {
    from: ['core', 'tracing'],
    typesFrom: ['ports', 'migrate', 'contracts'],
    packages: ['node:'],
    why: 'writes and reads its tables through the port; says where its migrations are; has dead letters copied',
  },
  direct: {
    from: ['core', 'contracts'],
    typesFrom: ['ports'],
    packages: ['node:'],
    why: 'bounds what waits by the size that contracts give a record',
  },
  delivery: {
    from: ['core', 'contracts', 'tracing', 'unit'],
    typesFrom: ['ports', 'migrate'],
    packages: ['node:'],
    why: 'decodes by contracts and runs handlers in units of work',
  },
  time: {
    from: ['core', 'unit', 'outbox'],
    typesFrom: ['ports', 'migrate'],
    packages: ['node:', 'croner'],
    why: 'runs schedules in units of work, moves timers to the outbox, and leads as the relay does',
  },
  live: {
    from: ['core', 'contracts'],
    typesFrom: ['ports'],
    packages: ['node:'],
    why: 'updates are JSON as contracts have it; read from the log through the port, written to sockets it is given',
  },
  client: {
    from: [],
    typesFrom: ['core'],
    packages: [],
    why: 'runs in browsers, whose modules are these files: what it runs is all here; of channels it knows the types',
  },
  react: { from: ['client'], packages: ['react'], why: 'a hook over the client’s stores' },
  config: { from: ['core'], packages: [], why: 'parses the environment it is given; reads none itself' },
  observability: {
    from: ['core', 'tracing'],
    packages: ['node:', 'pino', 'prom-client'],
    why: 'logs, which say what they are part of, and metrics',
  },
  http: {
    from: ['core', 'observability', 'tracing'],
    typesFrom: ['ports', 'live'],
    packages: [
      ...['node:', 'fastify', '@fastify/swagger', '@fastify/swagger-ui', 'fastify-type-provider-zod', 'ws', 'zod'],
      ...['@fastify/cors', '@fastify/helmet', '@fastify/rate-limit', '@fastify/static'],
    ],
    typesFromPackages: ['openapi-types', 'pino'],
    why: 'serves what it is given: neither the database nor a broker; the client’s files it reads and does not run',
  },
  'adapters/postgres': {
    from: ['core'],
    typesFrom: ['ports', 'migrate'],
    packages: ['node:', 'pg'],
    why: 'its ports over its own client; says where the log’s migrations are',
  },
  'adapters/kafka': {
    from: ['core'],
    typesFrom: ['ports'],
    packages: ['node:', '@platformatic/kafka'],
    why: 'its port over its own client',
  },
  'adapters/redis': {
    from: ['core'],
    typesFrom: ['ports'],
    packages: ['node:', 'redis'],
    why: 'its ports over its own client; of the log it knows the partition it is given',
  },
  'adapters/embedded-postgres': {
    from: ['core'],
    typesFrom: ['ports'],
    packages: ['node:', 'pg'],
    why: 'starts a server, and asks it whether it answers',
  },
  'adapters/jwt': {
    from: ['core'],
    packages: ['node:', 'jose'],
    why: 'tells whose a token is, and makes them',
  },
  'adapters/opentelemetry': {
    from: ['core'],
    typesFrom: ['ports'],
    packages: [
      ...['@opentelemetry/api', '@opentelemetry/context-async-hooks', '@opentelemetry/core'],
      ...['@opentelemetry/exporter-trace-otlp-proto', '@opentelemetry/resources', '@opentelemetry/sdk-trace'],
      ...['@opentelemetry/semantic-conventions', '@opentelemetry/semantic-conventions/incubating'],
    ],
    why: 'its port over the SDK',
  },
  conformance: {
    from: ['core'],
    typesFrom: ['ports'],
    packages: ['node:', 'vitest', 'fast-check'],
    why: 'suites over ports, for any adapter',
  },
  app: {
    from: [
      ...['core', 'contracts', 'unit', 'outbox', 'direct', 'delivery', 'time', 'live', 'migrate'],
      ...['http', 'observability', 'tracing'],
    ],
    typesFrom: ['ports'],
    packages: ['node:'],
    typesFromPackages: ['pino'],
    why: 'joins the capabilities; adapters are handed to it',
  },
  main: { from: ['core'], packages: ['node:'], why: 'starts before anything else may fail: it explains why it did' },
  cli: {
    from: ['core', 'main'],
    typesFrom: ['http'],
    packages: ['node:'],
    why: 'speaks to a running app as any other client does; of the routes it knows the types',
  },
  testing: {
    from: [
      ...['core', 'contracts', 'unit', 'outbox', 'direct', 'delivery', 'time', 'live', 'migrate'],
      ...[
        'http',
        'observability',
        'tracing',
        'app',
        'adapters/postgres',
        'adapters/kafka',
        'adapters/redis',
        'adapters/embedded-postgres',
      ],
    ],
    typesFrom: ['ports'],
    packages: ['node:', 'pg'],
    typesFromPackages: ['fastify'],
    why: 'a whole app on a real PostgreSQL, on a real Kafka, and with a real Redis',
  },
  'index.ts': {
    from: ['core', 'contracts', 'http', 'observability', 'app'],
    packages: [],
    why: 'what users import: no adapter',
  },
}

/** The app's files, and its modules' each as one. */
export const appImports: Readonly<Record<string, ImportRule>> = {
  'main.ts': {
    from: ['config.ts', 'compose.ts'],
    packages: ['millrace/main'],
    why: 'configuration, composition, run',
  },
  'compose.ts': {
    from: [
      ...['config.ts', 'database.ts', 'kafka-settings.ts', 'kept-secret.ts', 'redis-settings.ts', 'routes.ts'],
      'modules/*',
      '../package.json',
    ],
    packages: [
      'millrace',
      'millrace/ports',
      'millrace/postgres',
      'millrace/kafka',
      'millrace/redis',
      'millrace/jwt',
      'millrace/embedded-postgres',
      'millrace/opentelemetry',
    ],
    why: 'the one place that names adapters',
  },
  'clock.ts': {
    from: [],
    typesFrom: ['database.ts'],
    packages: ['drizzle-orm'],
    why: 'what time it is for all that is stored, in every module',
  },
  'config.ts': { from: [], packages: ['millrace', 'millrace/config'], why: 'the settings, as types' },
  'database.ts': { from: [], packages: ['millrace', 'drizzle-orm'], why: 'binds the query builder' },
  'existing.ts': { from: [], packages: ['millrace'], why: 'what is not there is answered alike, in every module' },
  'kafka-settings.ts': {
    from: [],
    typesFrom: ['config.ts'],
    packages: ['node:', 'millrace'],
    typesFromPackages: ['millrace/kafka'],
    why: 'how to connect to Kafka, for the app and for its scripts',
  },
  'live-reads.ts': {
    from: [],
    typesFrom: ['database.ts'],
    packages: ['millrace'],
    why: 'data, and where live updates go on from behind it, in every module',
  },
  'kept-secret.ts': { from: [], packages: ['node:'], why: 'makes a secret once, and keeps it in a file' },
  'redis-settings.ts': {
    from: [],
    typesFrom: ['config.ts'],
    packages: ['node:', 'millrace'],
    typesFromPackages: ['millrace/redis'],
    why: 'how Redis is reached',
  },
  'routes.ts': { from: [], packages: ['millrace', 'zod'], why: 'the app’s own routes' },
  'storable-text.ts': { from: [], packages: ['zod'], why: 'what a text of a client may be, in every module' },
  'modules/*': {
    from: ['clock.ts', 'existing.ts', 'live-reads.ts', 'storable-text.ts'],
    typesFrom: ['database.ts'],
    packages: [
      ...['node:', 'millrace', 'millrace/protobuf', 'zod', 'drizzle-orm', '@bufbuild/protobuf'],
      ...['nodemailer', '@node-rs/argon2'],
    ],
    why: 'a feature; of another one it imports only the events',
  },
}

/** What the console's pages are made with. */
const pageParts = ['react', '@mantine/core', '@mantine/hooks', '@tanstack/react-query', 'lucide-react']

/** The console's folders. Of the backend it knows the types alone: nothing of a server gets into a browser. */
export const consoleImports: Readonly<Record<string, ImportRule>> = {
  'main.tsx': {
    from: ['app', 'data', 'main.css'],
    packages: [...pageParts, 'react-dom', '@mantine/notifications', '@tanstack/react-router'],
    why: 'makes the session, the API’s client and the live one, and shows the pages',
  },
  app: {
    from: ['components', 'data', 'features/*'],
    packages: [...pageParts, '@mantine/notifications', '@tanstack/react-router'],
    why: 'joins the features: the one place that knows of all of them, and of addresses',
  },
  data: {
    from: [],
    packages: ['react', 'millrace/client'],
    typesFromPackages: ['millrace', '@millrace/backend'],
    why: 'session, API, live updates: without a look',
  },
  components: {
    from: ['data'],
    packages: pageParts,
    typesFromPackages: ['millrace/client'],
    why: 'what several features look like; errors as data has them',
  },
  'features/*': {
    from: ['components', 'data'],
    packages: [...pageParts, '@mantine/form', '@mantine/notifications', 'millrace/react'],
    typesFromPackages: ['millrace', 'millrace/client', '@millrace/backend'],
    why: 'a feature; it knows no other one',
  },
}

/** The app's scripts: other programs, which share with it the names of the variables and how Kafka is reached. */
export const scriptImports: Readonly<Record<string, ImportRule>> = {
  'tasks-send-event.ts': { from: ['tasks'], packages: ['millrace/main'], why: 'runs the script' },
  'tasks-demo.ts': { from: ['tasks'], packages: ['millrace/main'], why: 'runs the script' },
  tasks: {
    from: ['../src/config.ts', '../src/kafka-settings.ts'],
    typesFrom: [],
    packages: [
      ...['node:', 'millrace', 'millrace/config', 'millrace/postgres', 'millrace/kafka'],
      'millrace/embedded-postgres',
    ],
    typesFromPackages: ['millrace/ports'],
    why: 'what a program can do that is not the app: the topic, the API, the rows; an app of its own is a process',
  },
}

/** The files that read the environment, each for its reason. */
export const environmentReaders: Readonly<Record<string, string>> = {
  'apps/backend/src/main.ts': 'hands it to config.ts, which is the one to read it',
  'apps/backend/scripts/tasks-send-event.ts': 'hands it to the script',
  'apps/backend/scripts/tasks-demo.ts': 'hands it to the script',
  'packages/millrace/src/adapters/embedded-postgres/environment.ts': 'what of it a child process is given',
  'packages/millrace/src/testing/kafka.ts': 'TEST_BROKER and TEST_KAFKA_BROKERS, which the run hands to the workers',
  'packages/millrace/src/testing/redis.ts': 'TEST_BUS and TEST_REDIS_URL, which the run hands to the workers',
  'packages/millrace/src/testing/database.ts': 'TEST_DATABASE_URL, which the global setup hands to the workers',
  'packages/millrace/src/testing/vitest-global-setup.ts': 'TEST_DATABASE_URL, for the workers',
}
