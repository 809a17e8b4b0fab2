import { randomUUID } from 'node:crypto'
import { isShape, shapes } from './event-body.ts'
import { readOptions, type Script, ScriptError, say } from './script.ts'
import { readSettings } from './settings.ts'
import { TaskTopic } from './task-topic.ts'

const types = [
  'task_created',
  'task_updated',
  'task_completed',
  'task_deleted',
  'task_priority_changed',
  'task_due_soon',
] as const

/** Options that are fields of the event, by the names they have there. */
const fields = {
  id: 'id',
  user: 'user_id',
  title: 'title',
  description: 'description',
  priority: 'priority',
  due: 'due_date',
  'completed-at': 'completed_at',
} as const

const help = `Puts an event of a task on the topic task-events, as a program does that is not the app: plain JSON, no headers.

  npm run tasks:send-event -- --user <id> --title "Buy tea"
  npm run tasks:send-event -- --type task_completed --id <id>

  --type <type>          ${types.slice(0, 3).join(', ')},
                         ${types.slice(3).join(', ')}; default task_created
  --id <id>              the task; for task_created a new one where none is given
  --user <id>            whose it is: the user_id of his tasks; task_created needs it
  --title <text>         default, for task_created: "From another program"
  --description <text>
  --priority <priority>  low, medium, high
  --due <time>           such as 2030-01-31T12:00:00Z
  --completed-at <time>
  --shape <shape>        ${Object.keys(shapes).join(', ')}; default event_type/data
  --help                 show this

The topic is where the app has it, by the same variables: on Kafka with KAFKA_BROKERS (and KAFKA_SASL_…, KAFKA_SSL, KAFKA_SSL_CA);
else in the database of DATABASE_URL; else in that of an app that runs on this machine on its own data, in DATA_DIR.

Fields are sent as they are given: what does not fit becomes a dead letter (npx millrace dead-letters ls).`

type Given = Partial<Record<keyof typeof fields | 'type' | 'shape', string>>

/** `npm run tasks:send-event` */
export const sendEvent: Script = async (given, environment) => {
  const options = readOptions(given, [...objectKeys(fields), 'type', 'shape'])
  if (!options) {
    say(help)
    return 0
  }
  const { id, body } = eventOf(options)
  await using topic = await TaskTopic.open(readSettings(environment))
  const { partition, offset } = await topic.send(id, body)
  say(`task-events, partition ${partition}, offset ${offset}, on ${topic.where}:`)
  say(JSON.stringify(body))
  return 0
}

/** @throws ScriptError */
function eventOf({ type = 'task_created', shape = 'event_type/data', id: named, ...given }: Given) {
  if (!types.some((known) => known === type)) throw new ScriptError(`There is no type "${type}": ${types.join(', ')}.`)
  if (!isShape(shape)) throw new ScriptError(`There is no shape "${shape}": ${Object.keys(shapes).join(', ')}.`)
  const isNew = type === 'task_created'
  const id = named ?? (isNew ? randomUUID() : undefined)
  if (!id) throw new ScriptError(`${type} needs --id: which task? GET /api/tasks lists a user's.`)
  if (isNew && !given.user)
    throw new ScriptError("task_created needs --user: whose is it? A user's tasks have his user_id.")
  const told = { id, ...(isNew && { title: 'From another program' }), ...given }
  const data = Object.fromEntries(
    Object.entries(told).map(([name, value]) => [fields[name as keyof typeof told], value]),
  )
  return { id, body: shapes[shape](type, data) }
}

function objectKeys<Key extends string>(table: Readonly<Record<Key, unknown>>): Key[] {
  return Object.keys(table) as Key[]
}
