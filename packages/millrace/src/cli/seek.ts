import type { SeekAnswer } from '../http/index.ts'
import { byOf } from './by.ts'
import type { Command, Invocation } from './command.ts'
import { print, printJson, printTable } from './output.ts'
import { neededPlaceOf, partitionChoiceOf, partitionOptions } from './places.ts'

/** Moves a consumer. */
export const seekCommand: Command = {
  name: 'consumers seek',
  usage: '<name> --to …',
  summary: 'Moves a consumer; what it comes to again is handled again',
  names: [1, 1],
  options: {
    to: { type: 'string', help: 'earliest, latest, a time, how long ago (2h), or an offset' },
    ...partitionOptions,
  },
  run: seek,
}

async function seek({ client, values, positionals, isJson }: Invocation): Promise<number> {
  const body = { to: neededPlaceOf(values, 'to'), ...partitionChoiceOf(values), by: byOf(values) }
  const answer = await client.post<SeekAnswer>(`/consumers/${encodeURIComponent(positionals[0] ?? '')}/seek`, body)
  if (isJson) printJson(answer)
  else printMoves(answer)
  return 0
}

function printMoves({ name, dryRun, dropped, partitions }: SeekAnswer): void {
  printTable(
    ['PARTITION', 'FROM', 'TO'],
    partitions.map(({ topic, partition, from, to }) => [
      `${topic}/${partition}`,
      from === null ? '-' : String(from),
      String(to),
    ]),
  )
  print(`${name} ${dryRun ? 'would go' : 'goes'} on there`)
  if (dropped > 0) print(`${dropped} parked ${dryRun ? 'would be' : 'were'} dropped: it comes to them again`)
}
