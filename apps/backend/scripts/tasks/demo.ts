import { randomUUID } from 'node:crypto'
import { isDuration, milliseconds } from 'millrace'
import type { Database } from 'millrace/ports'
import { startApp } from './app-process.ts'
import { shapes } from './event-body.ts'
import { type Environment, readOptions, type Script, ScriptError, say } from './script.ts'
import { readSettings } from './settings.ts'
import { type Sighting, Stopwatch, timetable } from './sightings.ts'
import { openDatabase } from './task-database.ts'
import { type Place, TaskTopic, type TopicWatch } from './task-topic.ts'
import { expected, Visitor } from './visitor.ts'

const help = `Shows both ways of a task: from the API, and from another program, to the topic, the row and the browser.

  npm run tasks:demo                               starts an app for it, with data of its own
  npm run tasks:demo -- --url http://localhost:8003

  --url <address>    a running app
  --wait <duration>  how long to wait for each step, such as 10s; default 10s
  --help             show this

A user is registered, logs in and opens the socket; the tasks are deleted in the end. The topic and the rows are looked for
where the app has them, by its variables: KAFKA_BROKERS, DATABASE_URL, or DATA_DIR for an app that runs on this machine on
its own data. An app that is started here has them as well: with KAFKA_BROKERS it runs on Kafka.

Ends with 1 when something did not arrive, or came twice.`

/** What the flows are shown on. */
interface Stage {
  readonly visitor: Visitor
  readonly topic: TaskTopic
  /** Undefined: where the rows are is not known. */
  readonly database: Database | undefined
  readonly patienceMs: number
}

/** One flow, as far as it came. */
interface Flow {
  readonly id: string
  readonly title: string
  readonly sightings: readonly Sighting[]
}

/** `npm run tasks:demo` */
export const demo: Script = async (given, environment) => {
  const options = readOptions(given, ['url', 'wait'])
  if (!options) {
    say(help)
    return 0
  }
  const patienceMs = patienceOf(options.wait ?? '10s')
  if (options.url !== undefined) return show(addressOf(options.url), environment, patienceMs)
  say('Starting an app for it …')
  await using app = await startApp(environment)
  return await show(app.url, app.environment, patienceMs)
}

async function show(url: string, environment: Environment, patienceMs: number): Promise<number> {
  const settings = readSettings(environment)
  await using topic = await TaskTopic.open(settings)
  await using opened = new AsyncDisposableStack()
  const database = await openDatabase(settings)
  opened.defer(() => database?.stop())
  using visitor = await Visitor.register(url)
  const stage: Stage = { visitor, topic, database, patienceMs }
  let missing = 0
  let isOnce = true
  for (const flow of [fromApi, fromElsewhere]) {
    const { id, title, sightings } = await flow(stage)
    say(`\n${title}\n${timetable(sightings)}`)
    missing += sightings.filter(({ ms }) => ms === undefined).length
    isOnce = (await endsOnce(stage, id)) && isOnce
  }
  if (missing > 0) say(`\n${missing} of these did not arrive within ${patienceMs} ms.`)
  if (!isOnce) say('\nThe browser was told of a task more than once.')
  if (missing > 0 || !isOnce) return 1
  say('\nEverything arrived, once.')
  return 0
}

/** Flow A: the row and its event are one unit of work; the consumer finds that it knows the event. */
async function fromApi({ visitor, topic, database, patienceMs }: Stage): Promise<Flow> {
  const watch = await topic.watch()
  const stopwatch = new Stopwatch(patienceMs)
  const { body } = expected(await visitor.ask('POST', '/api/tasks', { title: 'Created by the API' }), 201)
  const answered = stopwatch.now('the API answers: 201')
  const id = String(body['id'])
  const found = await Promise.all([
    onTopic(stopwatch, watch, id),
    inBrowser(stopwatch, visitor, id),
    ...inDatabase(stopwatch, database, id),
  ])
  return { id, title: 'A task is created by the API', sightings: [answered, ...found] }
}

/** Flow B: the record of a program that knows nothing of the app. */
async function fromElsewhere({ visitor, topic, database, patienceMs }: Stage): Promise<Flow> {
  const id = randomUUID()
  const stopwatch = new Stopwatch(patienceMs)
  const data = { id, user_id: visitor.id, title: 'Created by another program' }
  const place = await topic.send(id, shapes['event_type/data']('task_created', data))
  const sent = stopwatch.now(`the topic has it: ${inWords(place)}`)
  const found = await Promise.all([
    inBrowser(stopwatch, visitor, id),
    ...inDatabase(stopwatch, database, id),
    stopwatch.seen('the API has it', async () => (await visitor.ask('GET', `/api/tasks/${id}`)).status === 200),
  ])
  return { id, title: `Another program creates one, by a record on ${topic.where}`, sightings: [sent, ...found] }
}

async function onTopic(stopwatch: Stopwatch, watch: TopicWatch, id: string): Promise<Sighting> {
  const place = await watch.find(id, stopwatch.patience)
  const what = 'the topic has its event'
  return place ? stopwatch.now(`${what}: ${inWords(place)}`) : { what, ms: undefined }
}

function inBrowser(stopwatch: Stopwatch, visitor: Visitor, id: string): Promise<Sighting> {
  const told = () => visitor.told.find((one) => one.id === id && one.type === 'task_created')?.at ?? false
  return stopwatch.seen('the browser is told task_created', told)
}

function inDatabase(stopwatch: Stopwatch, database: Database | undefined, id: string): Promise<Sighting>[] {
  if (!database) return []
  const text = 'SELECT FROM tasks.task WHERE id = $1'
  return [stopwatch.seen('PostgreSQL has the row', async () => (await database.query(text, [id])).rowCount === 1)]
}

/** Deletes the task: once the browser is told that, it was told all that came before. */
async function endsOnce({ visitor, patienceMs }: Stage, id: string): Promise<boolean> {
  const { status } = await visitor.ask('DELETE', `/api/tasks/${id}`)
  const told = (type: string) => visitor.told.filter((one) => one.id === id && one.type === type).length
  if (status === 204) await new Stopwatch(patienceMs).seen('its end', () => told('task_deleted') > 0)
  return told('task_created') <= 1 && told('task_deleted') <= 1
}

function inWords({ partition, offset }: Place): string {
  return `partition ${partition}, offset ${offset}`
}

/** @throws ScriptError */
function patienceOf(text: string): number {
  if (!isDuration(text)) throw new ScriptError(`--wait is "${text}", which is no duration, such as 500ms or 10s.`)
  return milliseconds(text)
}

/** @throws ScriptError */
function addressOf(text: string): string {
  const url = URL.parse(text)
  if (url && /^https?:$/.test(url.protocol)) return url.origin
  throw new ScriptError(`--url is "${text}", which is no address, such as http://localhost:8003.`)
}
