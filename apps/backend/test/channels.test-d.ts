// Checked with the rest by `tsc`: what a browser's program gets of the channels, which is types alone.
import type { ChannelMessages } from 'millrace'
import type * as notificationChannels from '../src/modules/notifications/channels.ts'
import type { Notification } from '../src/modules/notifications/notification.ts'
import type * as taskChannels from '../src/modules/tasks/channels.ts'
import type { Task } from '../src/modules/tasks/task.ts'

type Exactly<A, B> = (<T>() => T extends A ? 1 : 2) extends <T>() => T extends B ? 1 : 2 ? true : false
type Messages = ChannelMessages<typeof taskChannels> & ChannelMessages<typeof notificationChannels>
type DataOf<Channel extends keyof Messages, Type extends Messages[Channel]['type']> = Extract<
  Messages[Channel],
  { readonly type: Type }
>['data']

export const messages: [
  Exactly<keyof Messages, 'tasks' | 'notifications'>,
  Exactly<DataOf<'tasks', 'task_created'>, Task>,
  Exactly<DataOf<'tasks', 'task_deleted'>, { id: string; version: number }>,
  Exactly<Messages['notifications']['data'], Notification>,
] = [true, true, true, true]
