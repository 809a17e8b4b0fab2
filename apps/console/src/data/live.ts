import type * as taskChannels from '@millrace/backend/src/modules/tasks/channels.ts'
import type { ChannelMessages } from 'millrace'
import { createLiveClient, type LiveClient } from 'millrace/client'
import type { Session } from './session.ts'

/** The channels of the backend's modules, by name. */
type Messages = ChannelMessages<typeof taskChannels>

/** The live client, which knows the messages of every channel. */
export type LiveUpdates = LiveClient<Messages>

/** Live updates for whoever is signed in. */
export function createLive(session: Session): LiveUpdates {
  const live = createLiveClient<Messages>({ token: (refused) => session.accessToken(refused) })
  session.subscribe(() => live.renew())
  return live
}
