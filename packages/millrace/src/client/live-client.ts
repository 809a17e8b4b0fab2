import type { LiveMessage } from '../core/channel.ts'

/** Messages by channel; what `ChannelMessages<typeof channels>` of `millrace` is. */
export type MessagesByChannel<Names> = { readonly [Name in keyof Names]: LiveMessage }

/**
 * How a live connection is doing.
 *
 * - `connecting`: it has not been there yet
 * - `live`: what is handed over is what there is
 * - `reconnecting`: it was lost, and is tried again; what is missed meanwhile comes then
 * - `offline`: the browser says that there is no network; it is tried all the same, less often
 * - `signed-out`: nobody is signed in, or the server refuses the token; it goes on after `renew`
 * - `closed`: by the program, or by the server that does not understand this client
 */
export type LiveStatus = 'connecting' | 'live' | 'reconnecting' | 'offline' | 'signed-out' | 'closed'

/** Options of `createLiveClient`. */
export interface LiveClientOptions {
  /** The app's, such as `https://api.example`; behind a proxy with the path it has there. @default where the page is from */
  readonly url?: string | URL
  /**
   * The token of the user who is signed in; undefined: nobody is. It is asked for before each connection, when a token is
   * about to expire, and after one was refused. Let it fetch another one where the last is worth nothing any more.
   *
   * @param refused the last one that the server has not taken: it is worth nothing, whatever it says of itself
   */
  readonly token: (refused: string | undefined) => string | undefined | Promise<string | undefined>
  /** Told of what the program's own functions throw. @default the browser's `reportError`; elsewhere it is thrown */
  readonly report?: (error: unknown) => void
}

/** Whom the messages of a channel are handed to. */
export interface LiveListener<Message> {
  /** Where to go on from: a snapshot's `at`, or the last `at` of a {@link Following}. @default now */
  readonly at?: string | undefined
  /** Each message once, in order. One for which it throws is reported, and is not handed over again. */
  message(message: Message): void
  /**
   * Something was missed: load everything anew. `expired`, `unknown`: see docs/live.md; `gap`: the server went on from
   * elsewhere; `user`: another user is signed in.
   */
  reset?(reason: string): void
  /** Told at first, and whenever it changes. */
  status?(status: LiveStatus): void
  /** Told what goes wrong; it is tried again, unless the status is `closed`. */
  error?(error: Error): void
}

/** A channel that is being followed. */
export interface Following {
  readonly status: LiveStatus
  /** The position of the last message that was handed over, or a later one before which nothing came. */
  readonly at: string | undefined
  /** Nothing is handed over any more. */
  close(): void
}

/** Where a store's data comes from. */
export interface LiveSource<Message, Data> {
  /**
   * All of it, and where it stands in the live updates: what the app answers of `millrace.live.snapshot`.
   *
   * @param signal aborted where the answer is of no use any more, after a minute at the latest
   */
  load(signal: AbortSignal): Promise<{ readonly data: Data; readonly at: string }>
  /** What a message makes of the data: other data, or the same where nothing changes. */
  apply(data: Data, message: Message): Data
}

/** What a store has. Another object whenever something is different. */
export interface LiveState<Data> {
  readonly status: LiveStatus
  /** Undefined until it has been loaded. It is kept while it is loaded anew; for another user it is not. */
  readonly data: Data | undefined
  /** Why it could not be loaded, connected or changed the last time; it is tried again, unless the status is `closed`. */
  readonly error: Error | undefined
}

/** Data that stays up to date while somebody is subscribed. Its functions need no `this`. */
export interface LiveStore<Data> {
  /** Calls the listener when the state is another one; answers what ends that. */
  subscribe(listener: () => void): () => void
  getSnapshot(): LiveState<Data>
  /** Loads everything anew. */
  reload(): void
}

/** Live updates of an app, for one user at a time. */
export interface LiveClient<Messages extends MessagesByChannel<Messages> = Record<string, LiveMessage>> {
  /** Hands over what comes in a channel: every message once, in order. */
  follow<Name extends keyof Messages & string>(channel: Name, listener: LiveListener<Messages[Name]>): Following
  /**
   * Data, and what changes it: loads, then goes on with the updates that the data has not, and loads anew where that is not
   * possible. It is connected while somebody is subscribed, and for a moment after.
   */
  store<Name extends keyof Messages & string, Data>(
    channel: Name,
    source: LiveSource<Messages[Name], Data>,
  ): LiveStore<Data>
  /** To be called when the user has signed in or out, or has another token: open connections send it, others try at once. */
  renew(): void
  /** Ends all of it. */
  close(): void
}
