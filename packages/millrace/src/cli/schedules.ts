import type { ScheduleItem, SchedulePage, ScheduleRequested } from '../http/index.ts'
import type { Command, Invocation } from './command.ts'
import { ago, print, printJson, printTable } from './output.ts'

/** What is done about schedules. */
export const scheduleCommands: readonly Command[] = [
  {
    name: 'schedules ls',
    usage: '',
    summary: 'Lists schedules: when they are due, and how they ran',
    names: [0, 0],
    options: {},
    run: list,
  },
  {
    name: 'schedules run',
    usage: '<name> …',
    summary: 'Has schedules run now, once in the fleet, beside their time-tables',
    names: [1, 100],
    options: {},
    run: runNow,
  },
]

async function list({ client, isJson }: Invocation): Promise<number> {
  const items: ScheduleItem[] = []
  for (let after: string | undefined; ; ) {
    const page = await client.get<SchedulePage>('/schedules', { after })
    items.push(...page.items)
    if (page.next === null) break
    after = page.next
  }
  if (isJson) printJson({ items, next: null })
  else printSchedules(items)
  return 0
}

function printSchedules(items: readonly ScheduleItem[]): void {
  printTable(
    ['NAME', 'TIME-TABLE', 'DUE', 'LAST RUN', 'TOOK', 'RUNS', 'FAILED', 'SKIPPED', 'LAST ERROR'],
    items.map(({ name, timeTable, defined, dueAt, lastRunAt, lastDurationMs, runs, failures, skipped, lastError }) => {
      const due = defined ? dueAt : 'not in this app'
      const last = lastRunAt === null ? '-' : `${ago(Date.now() - Date.parse(lastRunAt))} ago`
      const took = lastDurationMs === null ? '-' : `${Math.round(lastDurationMs)} ms`
      return [name, timeTable, due, last, took, String(runs), String(failures), String(skipped), lastError ?? '']
    }),
  )
}

async function runNow({ client, positionals, isJson }: Invocation): Promise<number> {
  for (const name of positionals) {
    const answer = await client.post<ScheduleRequested>(`/schedules/${encodeURIComponent(name)}/run`)
    if (isJson) printJson(answer)
    else print(`${answer.name} runs as soon as a worker takes it`)
  }
  return 0
}
