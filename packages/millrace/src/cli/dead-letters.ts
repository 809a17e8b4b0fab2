import type { DeadLetterAnswer, DeadLetterItem, DeadLetterOutcome } from '../http/index.ts'
import { byOf, byOption } from './by.ts'
import {
  type Command,
  type Invocation,
  numberOf,
  type Options,
  textOf,
  timeOf,
  UsageError,
  type Values,
} from './command.ts'
import { listOptions, printList } from './listing.ts'
import { print, printJson, printTable } from './output.ts'
import { ProgressBar } from './progress.ts'

/** So many at a time: what is shown of the progress is as fine as that. */
const pieceSize = 200
const mostCounted = 10_000

const filters: Options = {
  consumer: { type: 'string', help: 'given up by this consumer' },
  'without-consumer': { type: 'boolean', help: 'refused publishes, which no consumer has given up' },
  topic: { type: 'string', help: 'of this topic' },
  reason: { type: 'string', help: 'with this in its code or reason' },
  since: { type: 'string', help: 'given up since: 2026-01-31T10:00Z, or how long ago, as 2h' },
  until: { type: 'string', help: 'given up before; likewise' },
  held: { type: 'boolean', help: 'that later records of their key wait for' },
}

const bulk: Options = {
  ...filters,
  all: { type: 'boolean', help: 'all of them; needed where nothing else says which' },
  'dry-run': { type: 'boolean', help: 'only count' },
  max: { type: 'string', help: 'so many at most' },
  rate: { type: 'string', help: 'so many a second at most' },
  ...byOption,
}

const force = 'also those redriven ten times before, and those of consumers that the app does not have'

/** What is done about dead letters. */
export const deadLetterCommands: readonly Command[] = [
  {
    name: 'dead-letters ls',
    usage: '[<id> …] [filters]',
    summary: 'Lists dead letters, oldest first',
    names: [0, 1_000],
    options: { ...filters, ...listOptions },
    run: list,
  },
  {
    name: 'dead-letters show',
    usage: '<id>',
    summary: 'Shows one with its bytes, headers, reason and stack',
    names: [1, 1],
    options: {},
    run: show,
  },
  {
    name: 'dead-letters redrive',
    usage: '[<id> …] [filters]',
    summary: 'Has dead letters handled again, each by the consumer that gave it up',
    names: [0, 1_000],
    options: { ...bulk, force: { type: 'boolean', help: force } },
    run: (invocation) => seeTo(invocation, 'redrive'),
  },
  {
    name: 'dead-letters discard',
    usage: '[<id> …] [filters]',
    summary: 'Deletes dead letters; what waits for them goes on',
    names: [0, 1_000],
    options: bulk,
    run: (invocation) => seeTo(invocation, 'discard'),
  },
]

function list(invocation: Invocation): Promise<number> {
  const { values, positionals } = invocation
  const ids = positionals.length > 0 ? positionals.join() : undefined
  return printList(invocation, { path: '/dead-letters', query: { ...filterOf(values), ids }, show: printItems })
}

function printItems(items: readonly DeadLetterItem[]): void {
  printTable(
    ['ID', 'CONSUMER', 'TOPIC', 'KEY', 'FAILED AT', 'ATTEMPTS', 'REDRIVEN', 'HELD', 'REASON'],
    items.map(({ id, consumer, key, failedAt, attempts, redriven, held, code, reason, ...place }) => {
      const counts = [String(attempts), String(redriven), held ? 'yes' : 'no']
      return [id, consumer ?? '-', placeOf(place), shown(key), failedAt, ...counts, `${code}: ${reason}`]
    }),
  )
}

async function show({ client, positionals, isJson }: Invocation): Promise<number> {
  const letter = await client.get<DeadLetterAnswer>(`/dead-letters/${encodeURIComponent(positionals[0] ?? '')}`)
  if (isJson) printJson(letter)
  else printLetter(letter)
  return 0
}

function printLetter(letter: DeadLetterAnswer): void {
  const held = letter.held ? `yes; ${letter.waiting} record(s) of its key wait for it` : 'no'
  print(
    `id        ${letter.id}`,
    `consumer  ${letter.consumer ?? 'none: a refused publish'}`,
    `topic     ${placeOf(letter)}`,
    `key       ${shown(letter.key)}`,
    `recorded  ${letter.recordedAt}`,
    `failed    ${letter.failedAt}, after ${letter.attempts} attempt(s); redriven ${letter.redriven} time(s)`,
    `held      ${held}`,
    `reason    ${letter.code}: ${letter.reason}`,
    'headers',
    ...letter.headers.map((header) => `  ${header.name}: ${shown(header)}`),
    `value     ${letter.size} byte(s)`,
    shown(letter.value),
    ...(letter.stack === null ? [] : ['stack', letter.stack]),
  )
}

async function seeTo(invocation: Invocation, action: 'redrive' | 'discard'): Promise<number> {
  const { values, isJson } = invocation
  const most = numberOf(values, 'max') ?? Number.POSITIVE_INFINITY
  const selection = selectionOf(invocation)
  const isDry = values['dry-run'] === true
  const counts = isDry || process.stderr.isTTY
  const total = counts
    ? await repeat(invocation, action, { ...selection, dryRun: true }, { most, piece: mostCounted })
    : undefined
  const outcome = isDry && total ? total : await act(invocation, action, selection, { most, total: total?.done ?? 0 })
  if (isJson) printJson({ dryRun: isDry, ...outcome })
  else {
    const done = { redrive: 'redriven', discard: 'discarded' }[action]
    print(isDry ? `${outcome.done} would be ${done}` : `${outcome.done} ${done}`)
    if (outcome.skipped > 0) print(`${outcome.skipped} left as they are`)
    for (const { id, why } of outcome.reasons) print(`  ${id}: ${why}`)
  }
  return outcome.skipped > 0 ? 1 : 0
}

type Tally = Pick<DeadLetterOutcome, 'done' | 'skipped' | 'reasons'>

async function act(
  invocation: Invocation,
  action: string,
  selection: object,
  { most, total }: { readonly most: number; readonly total: number },
): Promise<Tally> {
  const rate = numberOf(invocation.values, 'rate')
  const bar = new ProgressBar(total)
  const piece = Math.min(pieceSize, rate ?? pieceSize)
  const tally = await repeat(invocation, action, { ...selection, rate }, { most, piece }, (done) => bar.update(done))
  bar.end()
  return tally
}

/** Asks again and again, as each answer is for a bounded number of them. */
async function repeat(
  { client }: Invocation,
  action: string,
  command: object,
  { most, piece }: { readonly most: number; readonly piece: number },
  onProgress: (done: number) => void = () => {},
): Promise<Tally> {
  let tally: Tally = { done: 0, skipped: 0, reasons: [] }
  let next: string | null | undefined
  do {
    const max = Math.min(piece, most - tally.done)
    const body = { ...command, max, ...(next && { next }) }
    const outcome: DeadLetterOutcome = await client.post(`/dead-letters/${action}`, body)
    tally = {
      done: tally.done + outcome.done,
      skipped: tally.skipped + outcome.skipped,
      reasons: [...tally.reasons, ...outcome.reasons].slice(0, 100),
    }
    onProgress(tally.done)
    next = outcome.next
  } while (next !== null && tally.done < most)
  return tally
}

/** @throws UsageError */
function selectionOf({ values, positionals }: Invocation): object {
  const filter = filterOf(values)
  const isSaid = positionals.length > 0 || Object.values(filter).some((value) => value !== undefined)
  if (!isSaid && !values['all']) throw new UsageError('Say which: ids, a filter, or --all. See --help.')
  return {
    ...filter,
    ...(positionals.length > 0 && { ids: positionals }),
    ...(values['all'] === true && { all: true }),
    ...(values['force'] === true && { force: true }),
    by: byOf(values),
  }
}

function filterOf(values: Values) {
  return {
    consumer: textOf(values, 'consumer'),
    withoutConsumer: values['without-consumer'] === true ? true : undefined,
    topic: textOf(values, 'topic'),
    reason: textOf(values, 'reason'),
    since: timeOf(values, 'since'),
    until: timeOf(values, 'until'),
    held: values['held'] === true ? true : undefined,
  }
}

function placeOf({ topic, partition, offset }: Pick<DeadLetterItem, 'topic' | 'partition' | 'offset'>): string {
  return partition === null ? topic : `${topic}/${partition}/${offset ?? '?'}`
}

function shown(bytes: DeadLetterItem['key']): string {
  if (bytes === null) return '-'
  if (bytes.json !== undefined) return JSON.stringify(bytes.json)
  return bytes.text ?? `base64 ${bytes.base64}`
}
