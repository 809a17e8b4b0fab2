import type { Fault } from './fault.ts'

/** An app is killed, and started again. */
export const killApp: Fault = {
  describe: (target) => `kill -9 of app ${target + 1}`,
  targets: ({ apps }) => apps,
  resource: (target) => `app ${target + 1}`,
  lasts: [100, 4_000],
  begin: (stage, target) => stage.app(target).kill(),
  end: (stage, target) => stage.app(target).start(),
}
