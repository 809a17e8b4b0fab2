import type { Fault } from './fault.ts'

/** An app is told to end, and started again later: a process less for a while. */
export const stopApp: Fault = {
  describe: (target) => `SIGTERM to app ${target + 1}`,
  targets: ({ apps }) => apps,
  resource: (target) => `app ${target + 1}`,
  lasts: [500, 6_000],
  begin: (stage, target) => stage.app(target).stop(),
  end: (stage, target) => stage.app(target).start(),
}
