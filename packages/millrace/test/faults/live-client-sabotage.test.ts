import { readFile } from 'node:fs/promises'
import { describe, expect, test } from 'vitest'
import { changed, urlOf } from '../chaos/sabotage.ts'
import { viaPostgres } from './live-fanout.ts'
import { runLiveClients } from './live-run.ts'
import { type LiveSabotageName, liveSabotages } from './live-sabotage.ts'
import { seededRandom } from './random.ts'

describe.each(Object.entries(liveSabotages))('%s', (name, changes) => {
  test('is a change of what is there', async () => {
    for (const change of changes) {
      const text = await readFile(new URL(urlOf(change.module)), 'utf8')
      expect(changed(text, change)).toContain(change.instead)
    }
  })

  test('is found', { timeout: 120_000 }, async () => {
    await using fanout = await viaPostgres()
    const { missing } = await runLiveClients({
      ...{ fanout, random: seededRandom(name), seconds: 4, patienceMs: 2_000 },
      ...{ clients: 100, updatesPerSecond: 250, sabotage: name as LiveSabotageName },
    })
    expect(missing).toBeGreaterThan(0)
  })
})
