import type { Fault } from './fault.ts'

/** A process stands still and goes on where it was: now and then it has lost its session meanwhile. */
export const pauseApp: Fault = {
  describe: (target) => `SIGSTOP to app ${target + 1}`,
  targets: ({ apps }) => apps,
  resource: (target) => `app ${target + 1}`,
  lasts: [300, 9_000],
  begin: (stage, target) => stage.app(target).pause(),
  end: (stage, target) => stage.app(target).resume(),
}
