import type { TestAppOptions } from '../../src/testing/index.ts'
import type { ChildOptions } from './app.fixture.ts'

/** A way by which updates come to the processes that serve clients. */
export interface Fanout {
  readonly name: string
  /** Starts what it needs besides PostgreSQL. */
  start(): Promise<StartedFanout>
}

/** Something that is done to a run; resolves when it is mended. */
export type Trouble = () => Promise<void>

/** What runs apps with a fan-out. */
export interface StartedFanout extends AsyncDisposable {
  /** For the app that pushes, and for those that serve. */
  readonly pusher: Partial<TestAppOptions>
  readonly server: Partial<ChildOptions>
  /** What is done to it while clients are served, one after the other. */
  readonly troubles: readonly Trouble[]
}

const postgres: Fanout = {
  name: 'PostgreSQL',
  start: async () => ({ pusher: {}, server: {}, troubles: [], [Symbol.asyncDispose]: async () => {} }),
}

/** All that there are. */
export const fanouts: readonly Fanout[] = [postgres]
