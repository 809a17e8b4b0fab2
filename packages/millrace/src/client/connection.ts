import { type ClientFrame, frameOf } from './frames.ts'
import type { LiveClientOptions, LiveStatus } from './live-client.ts'
import { reduce } from './reduce.ts'
import { type Effect, type Input, initialState, type State, statusOf } from './state.ts'
import type { Change, Socket, Surroundings } from './surroundings.ts'
import { Timers } from './timers.ts'
import { tokenOf } from './token.ts'

/** Of a WebSocket. */
const isOpen = 1

/** Data that has been loaded. */
export interface Loaded {
  readonly at: string
  /** Puts it in the place of what there was. */
  readonly keep: () => void
}

/** Whom a connection tells what comes. */
export interface ConnectionListener {
  /** Loads the data, for listeners that have some. */
  readonly load?: (signal: AbortSignal) => Promise<Loaded>
  readonly message: (message: unknown) => void
  readonly reset: (reason: string) => void
  /** What there is belongs to another user. */
  readonly forget: () => void
  readonly status: (status: LiveStatus) => void
  readonly problem: (error: Error) => void
}

/** What a connection is made with. */
export interface ConnectionOptions {
  readonly surroundings: Surroundings
  readonly token: LiveClientOptions['token']
  /** Where to connect. */
  readonly urlOf: (token: string, resume: string | undefined) => string
  readonly at?: string | undefined
  readonly listener: ConnectionListener
  /** Told when it begins to work, and when it has ended for good or for now. */
  readonly active: (connection: Connection, isActive: boolean) => void
}

/** A connection to one channel, made again and again: does what {@link reduce} decides. */
export class Connection {
  readonly #options: ConnectionOptions
  readonly #timers: Timers
  /** What the listener asks for while it is being told something. */
  readonly #pending: Input[] = []
  #state: State
  #told: LiveStatus | undefined
  #isBusy = false
  #isActive = false
  #socket: Socket | undefined
  #loading: AbortController | undefined
  /** Stands for the last question for a token. */
  #asked: object | undefined

  constructor(options: ConnectionOptions) {
    this.#options = options
    this.#timers = new Timers(options.surroundings.random, (timer) => this.#take({ type: 'timer', timer }))
    this.#state = initialState({ loads: options.listener.load !== undefined, at: options.at })
  }

  get status(): LiveStatus {
    return statusOf(this.#state)
  }

  get at(): string | undefined {
    return this.#state.at
  }

  /** @param isRenewed whether the user may be another than when it rested */
  start(isRenewed = false): void {
    this.#take({ type: 'start', isOnline: this.#options.surroundings.isOnline(), isRenewed })
  }

  /** Asks for something, or tells what has changed. None of it is a count: what waits already is not asked for again. */
  tell(type: 'rest' | 'close' | 'renew' | 'reload' | 'broken' | Change): void {
    if (!this.#pending.some((input) => input.type === type)) this.#take({ type })
  }

  /** One input after the other: a listener that is being told something may cause the next. */
  #take(input: Input): void {
    this.#pending.push(input)
    if (this.#isBusy) return
    this.#isBusy = true
    for (let next = this.#pending.shift(); next; next = this.#pending.shift()) {
      const { state, effects } = reduce(this.#state, next)
      this.#state = state
      for (const effect of effects) this.#run(effect)
      this.#tellStatus()
    }
    this.#isBusy = false
    this.#tellWhetherActive()
  }

  #tellStatus(): void {
    const { status } = this
    if (status === this.#told) return
    this.#told = status
    this.#guard(() => this.#options.listener.status(status))
  }

  #tellWhetherActive(): void {
    const { phase } = this.#state
    const isActive = phase !== 'idle' && phase !== 'closed'
    if (isActive === this.#isActive) return
    this.#isActive = isActive
    this.#options.active(this, isActive)
  }

  #run(effect: Effect): void {
    switch (effect.type) {
      case 'drop':
        this.#drop()
        break
      case 'ask':
        void this.#ask(effect.refused)
        break
      case 'load':
        void this.#load()
        break
      case 'connect':
        this.#connect(effect.token, effect.resume)
        break
      case 'send':
        this.#send(effect.frame)
        break
      case 'again':
        this.#pending.unshift({ type: 'frame', frame: effect.frame })
        break
      case 'wait':
        this.#timers.set(effect.timer, effect.range)
        break
      case 'clear':
        this.#timers.clear(effect.timer)
        break
      default:
        if (!this.#isClosing) this.#guard(() => this.#hand(effect))
    }
  }

  /** Whether the listener wants nothing more, though that has not been seen to. */
  get #isClosing(): boolean {
    return this.#pending.some(({ type }) => type === 'close')
  }

  #hand(effect: Effect & { type: 'message' | 'reset' | 'forget' | 'problem' }): void {
    const { listener } = this.#options
    if (effect.type === 'message') listener.message(effect.message)
    else if (effect.type === 'reset') listener.reset(effect.reason)
    else if (effect.type === 'forget') listener.forget()
    else listener.problem(errorOf(effect.error))
  }

  /** On one that the server is closing, browsers would complain: its end comes next. */
  #send(frame: ClientFrame): void {
    if (this.#socket?.readyState === isOpen) this.#socket.send(JSON.stringify(frame))
  }

  #drop(): void {
    this.#timers.clearAll()
    this.#asked = undefined
    this.#loading?.abort()
    this.#loading = undefined
    const socket = this.#socket
    this.#socket = undefined
    if (!socket) return
    // It may take the network long to end it: nobody waits for that.
    socket.onmessage = null
    socket.onclose = null
    socket.close()
  }

  async #ask(refused: string | undefined): Promise<void> {
    const asked = {}
    this.#asked = asked
    const input = await this.#answer(refused)
    if (this.#asked === asked) this.#take(input)
  }

  async #answer(refused: string | undefined): Promise<Input> {
    try {
      const text = await this.#options.token(refused)
      return { type: 'token', token: text ? tokenOf(text, Date.now()) : undefined }
    } catch (error) {
      return { type: 'no-token', error }
    }
  }

  async #load(): Promise<void> {
    const loading = new AbortController()
    this.#loading = loading
    const { load } = this.#options.listener
    const loaded = await load?.(loading.signal).catch((error: unknown) => ({ error }))
    if (!loaded || this.#loading !== loading) return
    this.#loading = undefined
    if ('error' in loaded) return this.#take({ type: 'not-loaded', error: loaded.error })
    loaded.keep()
    this.#take({ type: 'loaded', at: loaded.at })
  }

  #connect(token: string, resume: string | undefined): void {
    const { surroundings, urlOf } = this.#options
    let socket: Socket
    try {
      socket = new surroundings.WebSocket(urlOf(token, resume))
    } catch (error) {
      this.#take({ type: 'unconnected', error })
      return
    }
    this.#socket = socket
    socket.onmessage = ({ data }) => {
      const frame = frameOf(data)
      if (frame) this.#take({ type: 'frame', frame })
    }
    socket.onclose = ({ code }) => {
      this.#socket = undefined
      this.#take({ type: 'ended', code })
    }
  }

  /** What the program's own functions throw is told, and changes nothing. */
  #guard(work: () => void): void {
    try {
      work()
    } catch (error) {
      this.#options.surroundings.report(error)
    }
  }
}

/** What was thrown may be anything. */
export function errorOf(thrown: unknown): Error {
  return thrown instanceof Error ? thrown : new Error(String(thrown))
}
