import { setTimeout as sleep } from 'node:timers/promises'
import type { ReplayBegun, ReplayItem } from '../http/index.ts'
import type { AdminClient } from './admin-client.ts'
import { byOf, byOption } from './by.ts'
import type { Command, Invocation } from './command.ts'
import { listOptions, printList } from './listing.ts'
import { print, printJson, printTable, say } from './output.ts'
import { neededPlaceOf, partitionChoiceOf, partitionOptions, placeOf } from './places.ts'
import { ProgressBar } from './progress.ts'

/** How often it is asked how far a replay is. */
const lookEveryMs = 500

/** What is done about replays. */
export const replayCommands: readonly Command[] = [
  {
    name: 'replay',
    usage: '<consumer> --from …',
    summary: 'Has a consumer handle past records once more, beside what it goes on with',
    names: [1, 1],
    options: {
      from: { type: 'string', help: 'earliest, a time, how long ago (2h), or an offset' },
      to: { type: 'string', help: 'up to there, exclusive; default: where its topics end now' },
      ...partitionOptions,
      detach: { type: 'boolean', help: 'do not wait for its end' },
    },
    run: replay,
  },
  {
    name: 'replays ls',
    usage: '',
    summary: 'Lists replays, the latest first',
    names: [0, 0],
    options: listOptions,
    run: (invocation) => printList(invocation, { path: '/replays', show: printItems }),
  },
  {
    name: 'replays show',
    usage: '<id>',
    summary: 'Shows how far one is, by partition',
    names: [1, 1],
    options: {},
    run: async ({ client, positionals, isJson }) => printReplay(await fetchReplay(client, positionals[0]), isJson),
  },
  {
    name: 'replays cancel',
    usage: '<id>',
    summary: 'Ends one before its end; what it has done stays',
    names: [1, 1],
    options: byOption,
    run: cancel,
  },
]

async function replay({ client, values, positionals, isJson }: Invocation): Promise<number> {
  const range = { from: neededPlaceOf(values, 'from'), to: placeOf(values, 'to') }
  const body = { ...range, ...partitionChoiceOf(values), by: byOf(values) }
  const begun = await client.post<ReplayBegun>(`/consumers/${encodeURIComponent(positionals[0] ?? '')}/replays`, body)
  if (begun.id === null || values['detach'] === true) return printBegun(begun, isJson)
  say(`Replay ${begun.id} of ${begun.records} record(s); it goes on without this command.`)
  return printReplay(await awaitEnd(client, begun), isJson)
}

async function awaitEnd(client: AdminClient, { id, records }: ReplayBegun): Promise<ReplayItem> {
  const bar = new ProgressBar(records)
  for (;;) {
    const replay = await fetchReplay(client, id ?? '')
    bar.update(replay.partitions.reduce((sum, { position, from }) => sum + position - from, 0))
    if (replay.state !== 'running') {
      bar.end()
      return replay
    }
    await sleep(lookEveryMs)
  }
}

async function cancel({ client, values, positionals, isJson }: Invocation): Promise<number> {
  const path = `/replays/${encodeURIComponent(positionals[0] ?? '')}/cancel`
  const replay = await client.post<ReplayItem>(path, { by: byOf(values) })
  if (isJson) printJson(replay)
  else print(`replay ${replay.id} is ${replay.state}`)
  return 0
}

function fetchReplay(client: AdminClient, id = ''): Promise<ReplayItem> {
  return client.get<ReplayItem>(`/replays/${encodeURIComponent(id)}`)
}

function printBegun(begun: ReplayBegun, isJson: boolean): number {
  if (isJson) printJson(begun)
  else {
    printTable(
      ['PARTITION', 'FROM', 'TO'],
      begun.partitions.map(({ topic, partition, from, to }) => [`${topic}/${partition}`, String(from), String(to)]),
    )
    print(begun.id === null ? `${begun.records} record(s) would be replayed` : `replay ${begun.id} is running`)
  }
  return 0
}

/** Answers the exit code: whether all was handled. */
function printReplay(replay: ReplayItem, isJson: boolean): number {
  if (isJson) printJson(replay)
  else printPartitions(replay)
  const isWell = replay.partitions.every(({ parked, dead }) => parked === 0 && dead === 0)
  return replay.state === 'running' || (replay.state === 'done' && isWell) ? 0 : 1
}

function printPartitions({ id, consumer, scope, state, problem, partitions }: ReplayItem): void {
  printTable(
    ['PARTITION', 'FROM', 'TO', 'POSITION', 'HANDLED', 'PARKED', 'DEAD', 'SKIPPED', 'LAST ERROR'],
    partitions.map(({ topic, partition, lastError, ...counts }) => {
      const { from, to, position, handled, parked, dead, skipped } = counts
      return [
        `${topic}/${partition}`,
        ...[from, to, position, handled, parked, dead, skipped].map(String),
        lastError ?? '',
      ]
    }),
  )
  print(`replay ${id} of ${consumer} is ${state}${problem === null ? '' : `: ${problem}`}`)
  if (partitions.some(({ dead }) => dead > 0)) print(`millrace dead-letters ls --consumer ${scope}`)
}

function printItems(items: readonly ReplayItem[]): void {
  printTable(
    ['ID', 'CONSUMER', 'STATE', 'BEGUN AT', 'DONE', 'HANDLED', 'PARKED', 'DEAD', 'PROBLEM'],
    items.map(({ id, consumer, state, begunAt, partitions, problem }) => {
      const sum = (of: (partition: ReplayItem['partitions'][number]) => number) =>
        partitions.reduce((total, partition) => total + of(partition), 0)
      const records = sum(({ from, to }) => to - from)
      const passed = sum(({ from, position }) => position - from)
      const done = records === 0 ? '100 %' : `${Math.floor((100 * passed) / records)} %`
      const counts = [sum(({ handled }) => handled), sum(({ parked }) => parked), sum(({ dead }) => dead)].map(String)
      return [id, consumer, state, begunAt, done, ...counts, problem ?? '']
    }),
  )
}
