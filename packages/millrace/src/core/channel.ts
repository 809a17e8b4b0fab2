import type * as z from 'zod/v4/core'
import { fail } from './errors.ts'
import type { Identity } from './identity.ts'

/** An update of a channel: what happened, and the data that goes with it. */
export interface LiveMessage {
  readonly type: string
  readonly data?: unknown
}

/** A channel whose messages are not of interest; what modules and the framework's insides take. */
export interface AnyChannel {
  readonly kind: 'channel'
  readonly name: string
  /** The Zod schema of its messages. */
  readonly schema: unknown
  /** Whose updates a user is given. */
  readonly audience: (user: Identity) => string
  /** Never there at run time: the TypeScript types of its messages. */
  readonly types?: unknown
}

/** A live stream of updates for one audience each; see {@link defineChannel}. */
export interface Channel<Name extends string, Message extends LiveMessage, Wire = unknown> extends AnyChannel {
  readonly name: Name
  readonly types?: {
    /** What `unit.push` takes. */
    readonly message: Message
    /** What a browser is given: JSON. */
    readonly wire: Wire
  }
}

/**
 * The messages of channels by name, as a browser is given them.
 *
 * @example
 * import type * as channels from '../backend/src/modules/tasks/channels.ts'
 * type Messages = ChannelMessages<typeof channels> // { tasks: { type: 'task_created', data: … } | … }
 */
export type ChannelMessages<Exports> = {
  readonly [Key in keyof Exports as Exports[Key] extends AnyChannel ? Exports[Key]['name'] : never]: WireOf<
    Exports[Key]
  >
}

type WireOf<C> = C extends { readonly types?: infer Types } ? WireIn<NonNullable<Types>> : never
type WireIn<Types> = Types extends { readonly wire: infer Wire } ? Wire : never

/** What a channel's messages are, and who is given them. */
export interface ChannelOptions<Schema> {
  /**
   * A schema of objects with a `type` and `data`, mostly a discriminated union. Types `connected`, `reset`, `pong` and
   * `authenticated`, and a field `at`, are the protocol's own.
   */
  readonly message: Schema
  /** The audience that a user belongs to, mostly himself: what was pushed to it is what he is given. */
  readonly audience: (user: Identity) => string
}

/**
 * Defines a channel. Browsers open it at `/ws/<name>`; see docs/live.md.
 *
 * @param name lower-case letters, digits and `-`, at most 60, beginning with a letter; not `stats`
 * @throws DEFINITION_INVALID
 * @example
 * export const taskUpdates = defineChannel('tasks', {
 *   message: z.discriminatedUnion('type', [
 *     z.object({ type: z.literal('task_created'), data: task }),
 *     z.object({ type: z.literal('task_deleted'), data: z.object({ id: z.uuid() }) }),
 *   ]),
 *   audience: (user) => user.id,
 * })
 */
export function defineChannel<const Name extends string, const Schema extends z.$ZodType<LiveMessage, LiveMessage>>(
  name: Name,
  { message, audience }: ChannelOptions<Schema>,
): Channel<Name, z.output<Schema>, z.input<Schema>> {
  if (!/^[a-z][a-z0-9-]{0,59}$/.test(name) || name === 'stats') {
    throw fail('DEFINITION_INVALID', {
      what: `Channel "${name}"`,
      problem: 'its name must be lower-case letters, digits and "-", at most 60, and not "stats"',
    })
  }
  return { kind: 'channel', name, schema: message, audience }
}
