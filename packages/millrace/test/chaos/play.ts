import { setTimeout as delay } from 'node:timers/promises'
import type { Scene } from './script.ts'
import type { Stage } from './stage.ts'

/** Has everything of a script happen at its time; resolves when all is whole again. */
export async function play(script: readonly Scene[], stage: Stage, say: (text: string) => void): Promise<void> {
  const startedAt = performance.now()
  const until = (at: number) => delay(Math.max(0, startedAt + at - performance.now()))
  const perform = async ({ fault, target, beginsAt, endsAt }: Scene) => {
    await until(beginsAt)
    say(`${fault.describe(target)}, for ${((endsAt - beginsAt) / 1_000).toFixed(1)} s`)
    await fault.begin(stage, target)
    await until(endsAt)
    await fault.end(stage, target)
  }
  const scenes = Map.groupBy(script, ({ fault, target }) => fault.resource(target))
  await Promise.all(
    [...scenes.values()].map(async (ofResource) => {
      // One after the other: to mend what came before may take longer than the script has it.
      for (const scene of ofResource) await perform(scene)
    }),
  )
}
