import type { LiveUpdates } from '../../live/index.ts'

/** Who serves live connections. */
export type LiveSource = Pick<
  LiveUpdates,
  'hasChannel' | 'isFull' | 'isReady' | 'connect' | 'refuse' | 'leaveAll' | 'stats'
>
