import { AdminClient } from '../../src/cli/admin-client.ts'
import type { Stage } from './stage.ts'

interface Outcome {
  readonly done: number
  readonly next: string | null
}

/** Has all dead letters handled again, as an operator would: by the operators' routes of an app. Answers how many. */
export async function redriveAll(stage: Stage): Promise<number> {
  const client = new AdminClient(stage.urls[0] ?? '', stage.adminToken)
  let done = 0
  for (let next: string | null | undefined; next !== null; ) {
    const request = { all: true, by: 'chaos run', ...(next !== undefined && { next }) }
    const outcome: Outcome = await client.post('/dead-letters/redrive', request)
    done += outcome.done
    next = outcome.next
  }
  return done
}
