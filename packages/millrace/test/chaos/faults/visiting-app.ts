import type { Fault } from './fault.ts'

/** A process more comes, and goes again. */
export const visitingApp: Fault = {
  describe: () => 'an app more',
  targets: () => 1,
  resource: () => 'visitor',
  lasts: [3_000, 9_000],
  begin: (stage) => stage.visitor.start(),
  end: (stage) => stage.visitor.stop(),
}
