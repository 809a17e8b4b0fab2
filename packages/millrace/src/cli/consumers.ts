import type { ConsumerItem, ConsumerPage } from '../http/index.ts'
import { byOf, byOption } from './by.ts'
import type { Command, Invocation } from './command.ts'
import { ago, print, printJson, printTable } from './output.ts'
import { seekCommand } from './seek.ts'

/** What is done about consumers. */
export const consumerCommands: readonly Command[] = [
  {
    name: 'consumers ls',
    usage: '',
    summary: 'Lists consumers: how far they are, and what keeps them',
    names: [0, 0],
    options: { partitions: { type: 'boolean', short: 'p', help: 'a line for each partition' } },
    run: list,
  },
  {
    name: 'consumers pause',
    usage: '<name> …',
    summary: 'Switches consumers off, in all processes and over restarts',
    names: [1, 100],
    options: byOption,
    run: (invocation) => switchAll(invocation, 'pause'),
  },
  {
    name: 'consumers resume',
    usage: '<name> …',
    summary: 'Switches consumers on again',
    names: [1, 100],
    options: byOption,
    run: (invocation) => switchAll(invocation, 'resume'),
  },
  seekCommand,
]

async function list({ client, values, isJson }: Invocation): Promise<number> {
  const items: ConsumerItem[] = []
  for (let after: string | undefined; ; ) {
    const page = await client.get<ConsumerPage>('/consumers', { after })
    items.push(...page.items)
    if (page.next === null) break
    after = page.next
  }
  if (isJson) printJson({ items, next: null })
  else if (values['partitions']) printPartitions(items)
  else printConsumers(items)
  return 0
}

function printConsumers(items: readonly ConsumerItem[]): void {
  printTable(
    ['NAME', 'STATE', 'LAG', 'HELD KEYS', 'PARKED', 'DEAD', 'LAST ERROR'],
    items.map(({ name, state, breakerOpen, lag, heldKeys, parked, deadLetters, partitions }) => {
      const lastError = partitions.find((partition) => partition.lastError !== null)?.lastError ?? ''
      const shown = state === 'running' && breakerOpen ? 'waiting' : state
      return [name, shown, known(lag), String(heldKeys), String(parked), String(deadLetters), lastError]
    }),
  )
}

function printPartitions(items: readonly ConsumerItem[]): void {
  printTable(
    ['NAME', 'PARTITION', 'POSITION', 'END', 'LAG', 'BEHIND', 'STILL', 'LAST ERROR'],
    items.flatMap(({ name, partitions }) =>
      partitions.map(({ topic, partition, position, end, lag, lagMs, stillMs, lastError }) => {
        const places = [String(position), known(end), known(lag)]
        return [name, `${topic}/${partition}`, ...places, span(lagMs), span(stillMs), lastError ?? '']
      }),
    ),
  )
}

async function switchAll(
  { client, values, positionals, isJson }: Invocation,
  action: 'pause' | 'resume',
): Promise<number> {
  for (const name of positionals) {
    const answer = await client.post<{ name: string; state: string }>(
      `/consumers/${encodeURIComponent(name)}/${action}`,
      { by: byOf(values) },
    )
    if (isJson) printJson(answer)
    else print(`${answer.name} is ${answer.state}`)
  }
  return 0
}

function known(value: number | null): string {
  return value === null ? '?' : String(value)
}

function span(ms: number | null): string {
  return ms === null ? '?' : ago(ms)
}
