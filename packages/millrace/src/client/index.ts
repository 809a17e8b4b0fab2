import type { LiveMessage } from '../core/channel.ts'
import { Client } from './client.ts'
import type { LiveClient, LiveClientOptions, MessagesByChannel } from './live-client.ts'
import { surroundings } from './surroundings.ts'

export type {
  Following,
  LiveClient,
  LiveClientOptions,
  LiveListener,
  LiveSource,
  LiveState,
  LiveStatus,
  LiveStore,
  MessagesByChannel,
} from './live-client.ts'

/**
 * Makes a client of an app's live updates: see docs/live.md.
 *
 * @example
 * const live = createLiveClient<ChannelMessages<typeof channels>>({ token: () => session.token })
 * const tasks = live.store('tasks', {
 *   load: async (signal) => (await fetch('/api/tasks', { signal, headers: session.headers })).json(),
 *   apply: (data, message) => …,
 * })
 * @throws TypeError where no URL is given outside of a page, or one that is none
 */
export function createLiveClient<Messages extends MessagesByChannel<Messages> = Record<string, LiveMessage>>(
  options: LiveClientOptions,
): LiveClient<Messages> {
  return new Client<Messages>(options, surroundings())
}
