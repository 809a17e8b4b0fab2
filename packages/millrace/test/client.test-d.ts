// Checked with the rest by `tsc`: what a browser's client takes and gives, by the channels of the server.
import * as z from 'zod'
import { createLiveClient, type LiveClient, type LiveState, type LiveStore } from '../src/client/index.ts'
import { type ChannelMessages, defineChannel } from '../src/index.ts'
import { useLive } from '../src/react/index.ts'
import { same } from './types.test-d.ts'

const tasks = defineChannel('tasks', {
  message: z.discriminatedUnion('type', [
    z.object({ type: z.literal('task_created'), data: z.object({ id: z.string(), title: z.string() }) }),
    z.object({ type: z.literal('task_deleted'), data: z.object({ id: z.string() }) }),
    z.object({
      type: z.literal('task_due'),
      data: z.codec(z.iso.datetime(), z.date(), { decode: (s) => new Date(s), encode: (d) => d.toISOString() }),
    }),
  ]),
  audience: (user) => user.id,
})
const news = defineChannel('news', { message: z.object({ type: z.literal('told') }), audience: () => 'all' })
const channels = { tasks, news, unrelated: 1 }

declare const live: LiveClient<ChannelMessages<typeof channels>>
same<typeof live, ReturnType<typeof createLiveClient<ChannelMessages<typeof channels>>>>(true)

live.follow('tasks', {
  message: (message) => {
    same<typeof message.type, 'task_created' | 'task_deleted' | 'task_due'>(true)
    if (message.type === 'task_created') same<typeof message.data, { id: string; title: string }>(true)
    // What a codec makes a date of is a text in the browser.
    if (message.type === 'task_due') same<typeof message.data, string>(true)
    // @ts-expect-error: not every message has a title
    void message.data.title
  },
})
live.follow('news', { message: ({ type }) => same<typeof type, 'told'>(true) })
// @ts-expect-error: a channel that there is not
live.follow('taks', { message: () => {} })
// @ts-expect-error: what is exported beside channels is none
live.follow('unrelated', { message: () => {} })
// @ts-expect-error: nobody to hand messages to
live.follow('tasks', {})
live.follow('news', {
  // @ts-expect-error: a field that its messages have not
  message: ({ data }) => data,
})

interface Task {
  readonly id: string
  readonly title: string
}
const store = live.store('tasks', {
  load: async (signal) => {
    same<typeof signal, AbortSignal>(true)
    return { data: [] as readonly Task[], at: '' }
  },
  apply: (all, message) => {
    same<typeof all, readonly Task[]>(true)
    return message.type === 'task_created' ? [...all, message.data] : all
  },
})
same<typeof store, LiveStore<readonly Task[]>>(true)
live.store('tasks', {
  // @ts-expect-error: data without its position
  load: async () => ({ data: 1 }),
  apply: (count: number) => count,
})
live.store('tasks', {
  load: async () => ({ data: 1, at: '' }),
  // @ts-expect-error: other data than was loaded
  apply: () => 'one',
})

export function useTasks(): LiveState<readonly Task[]> {
  const state = useLive(store)
  same<typeof state.data, readonly Task[] | undefined>(true)
  return state
}

// Messages may be written down as well, and without any a channel has any name.
interface Written {
  readonly tasks: { readonly type: 'task_created'; readonly data: Task }
}
createLiveClient<Written>({ token: () => 'a' }).follow('tasks', { message: ({ data }) => data.title })
createLiveClient({ token: async () => undefined, url: new URL('https://app.example') }).follow('any', {
  message: ({ type }) => same<typeof type, string>(true),
})
// @ts-expect-error: messages have a type
createLiveClient<{ readonly tasks: { readonly data: Task } }>({ token: () => 'a' })
// @ts-expect-error: a token is a text
createLiveClient({ token: () => 1 })
