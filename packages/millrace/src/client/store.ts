import { type Connection, type ConnectionListener, errorOf, type Loaded } from './connection.ts'
import type { LiveSource, LiveState, LiveStore } from './live-client.ts'

/** For so long a store stays connected after the last subscriber has left: a page that is drawn anew comes back at once. */
const lingerMs = 1_000

/** What a store has before it has been loaded. */
export const notLoaded: LiveState<never> = { status: 'connecting', data: undefined, error: undefined }

/** What a store is made with. */
export interface StoreOptions {
  /** Makes its connection. */
  readonly connect: (listener: ConnectionListener) => Connection
  /** Has it work: somebody has subscribed. */
  readonly start: (connection: Connection) => void
  readonly report: (error: unknown) => void
}

/** Keeps data as the connection's messages have it. */
export class Store<Message, Data> implements LiveStore<Data> {
  readonly #source: LiveSource<Message, Data>
  readonly #connection: Connection
  readonly #start: StoreOptions['start']
  readonly #report: (error: unknown) => void
  readonly #listeners = new Set<{ readonly changed: () => void }>()
  #state: LiveState<Data> = notLoaded
  #lingering: ReturnType<typeof setTimeout> | undefined

  constructor(source: LiveSource<Message, Data>, { connect, start, report }: StoreOptions) {
    this.#source = source
    this.#report = report
    this.#start = start
    this.#connection = connect({
      load: (signal) => this.#load(signal),
      message: (message) => this.#apply(message as Message),
      // Resets lead to a load instead.
      reset: () => {},
      forget: () => this.#change({ data: undefined }),
      status: (status) => this.#change(status === 'live' ? { status, error: undefined } : { status }),
      problem: (error) => this.#change({ error }),
    })
  }

  readonly subscribe = (changed: () => void): (() => void) => {
    const listener = { changed }
    this.#listeners.add(listener)
    clearTimeout(this.#lingering)
    // Not before the subscriber has what it subscribed with.
    queueMicrotask(() => this.#listeners.size > 0 && this.#start(this.#connection))
    return () => {
      if (this.#listeners.delete(listener) && this.#listeners.size === 0) this.#linger()
    }
  }

  readonly getSnapshot = (): LiveState<Data> => this.#state

  readonly reload = (): void => this.#connection.tell('reload')

  #linger(): void {
    this.#lingering = setTimeout(() => this.#connection.tell('rest'), lingerMs)
  }

  async #load(signal: AbortSignal): Promise<Loaded> {
    const { data, at } = await this.#source.load(signal)
    if (typeof at !== 'string') throw new TypeError('load() has to answer with data, and with its position as `at`')
    return { at, keep: () => this.#change({ data, error: undefined }) }
  }

  /** What cannot be applied leaves the data as it was, and has it loaded anew. */
  #apply(message: Message): void {
    try {
      // There is data: messages come from its position on.
      this.#change({ data: this.#source.apply(this.#state.data as Data, message) })
    } catch (error) {
      this.#report(error)
      this.#change({ error: errorOf(error) })
      this.#connection.tell('broken')
    }
  }

  #change(change: Partial<LiveState<Data>>): void {
    const next = { ...this.#state, ...change }
    const { status, data, error } = this.#state
    if (next.status === status && next.data === data && next.error === error) return
    this.#state = next
    for (const { changed } of [...this.#listeners]) {
      try {
        changed()
      } catch (error) {
        this.#report(error)
      }
    }
  }
}
