import { NetworkModel } from './network-model.fixture.ts'
import { reduce } from './reduce.ts'
import { type Place, placeOf, ServerModel, textOf, type Update } from './server-model.fixture.ts'
import { type Effect, type Input, initialState, type State, statusOf, type Timer } from './state.ts'
import type { Token } from './token.ts'
import type { Range } from './waits.ts'

/** How a world is. */
export interface WorldOptions {
  /** Whether the listener has data, which is loaded. */
  readonly loads: boolean
  /** Whether tokens say whose they are. */
  readonly tokensTell: boolean
  /** From 0, below 1. */
  readonly random: () => number
}

/** How the program, and the network, answer. */
export interface Answers {
  readonly ask?: 'never' | (() => void)
  readonly load?: 'never' | (() => void)
  readonly connect?: () => void
}

/** Something that may happen, and how much likelier than other things. */
type Happening = readonly [times: number, happen: () => void]

const longest = { step: 60_000, steady: 10_000, renewal: 24 * 60 * 60 * 1_000 } as const
const tokenMs = 15 * 60_000
const codes = [1006, 1012, 1013, 4401, 4408, 4419, 4429]

/**
 * A client's state machine with its program, its user, its page, the network and a server, all of them models: whatever may
 * happen is a function that has it happen, and whatever the client does wrong is noted.
 */
export class World {
  readonly wrong: string[] = []
  /** Why the listener was told to load everything anew. */
  readonly resets: string[] = []
  /** How many updates were handed over. */
  handed = 0
  /** How often the client has begun to ask for a token, to load, or to connect. */
  attempts = 0
  state: State
  user: string | undefined = 'anna'
  readonly server = new ServerModel((token) =>
    Number(token.split('/')[1]) > this.#expired ? ofToken(token) : undefined,
  )
  readonly network: NetworkModel
  readonly #options: WorldOptions
  readonly #timers = new Map<Timer, number>()
  readonly #inputs: Input[] = []
  #clock = 0
  #tokens = 0
  #expired = 0
  #isAsked = false
  #isLoading = false
  /** Whose updates the listener has, and up to where. */
  #held: { readonly user: string; readonly place: Place } | undefined
  #hasBegun = false
  #isUnappliable = false

  constructor(options: WorldOptions) {
    this.#options = options
    this.network = new NetworkModel(this.server, {
      frame: (frame) => this.take({ type: 'frame', frame }),
      ended: (code) => this.take({ type: 'ended', code }),
    })
    this.state = initialState({ loads: options.loads })
    this.start()
  }

  /** Everything that may happen now; likelier things are there more often. */
  get happenings(): (() => void)[] {
    const all = [...this.#ofUser(), ...this.#ofProgram(), ...this.#ofNetwork(), ...this.#ofTimers()]
    return all.flatMap(([times, happen]) => Array.from({ length: times }, () => happen))
  }

  start(): void {
    this.take({ type: 'start', isOnline: true, isRenewed: true })
  }

  /** From now on all is well, for so long; the client is not told. */
  heal(ms: number): void {
    this.#isUnappliable = false
    if (this.user === undefined || this.state.phase === 'signed-out') this.signIn(this.user ?? 'anna')
    this.start()
    this.run(ms)
  }

  signIn(user: string | undefined): void {
    this.user = user
    this.take({ type: 'renew' })
  }

  /** Lets time go by; what is asked for is answered at once: well, unless it is said otherwise. */
  run(ms: number, answers: Answers = {}): void {
    const {
      ask = () => this.giveToken(),
      load = () => this.giveData(),
      connect = () => this.network.accept(),
    } = answers
    const end = this.#clock + ms
    for (let steps = 0; steps < 20_000; steps += 1) {
      if (this.#isAsked && ask !== 'never') ask()
      else if (this.#isLoading && load !== 'never') load()
      else if (this.network.isConnecting) connect()
      else if (!this.network.bring() && !this.#ringNext(end)) return
    }
    this.wrong.push('there is no end of it')
  }

  /** Whether the listener has all that there is for the user who is signed in. */
  get isComplete(): boolean {
    const held = this.#held
    return held !== undefined && held.user === this.user && !this.server.next(held.user, held.place)
  }

  take(input: Input): void {
    this.#inputs.push(input)
    if (this.#inputs.length > 1) return
    for (let [next] = this.#inputs; next; [next] = this.#inputs) {
      const { state, effects } = reduce(this.state, next)
      this.state = state
      for (const effect of effects) this.#run(effect)
      this.#check(next)
      this.#inputs.shift()
    }
  }

  giveToken(): void {
    this.#isAsked = false
    this.take({ type: 'token', token: this.user === undefined ? undefined : this.#tokenOf(this.user) })
  }

  giveNoToken(): void {
    this.#isAsked = false
    this.take({ type: 'no-token', error: new Error('no token') })
  }

  giveData(): void {
    if (this.user === undefined) {
      this.giveNoData()
      return
    }
    this.#isLoading = false
    const place = this.server.here
    this.#held = { user: this.user, place }
    this.take({ type: 'loaded', at: textOf(place) })
  }

  giveNoData(): void {
    this.#isLoading = false
    this.take({ type: 'not-loaded', error: new Error('no data') })
  }

  expireTokens(): void {
    this.#expired = this.#tokens
  }

  #ofUser(): Happening[] {
    const changes = (['online', 'offline', 'visible', 'renew'] as const).map(
      (type): Happening => [1, () => this.take({ type })],
    )
    const all: Happening[] = [
      ...changes,
      [8, () => this.server.push('anna')],
      [4, () => this.server.push('ben')],
      [1, () => this.signIn('anna')],
      [1, () => this.signIn('ben')],
      [1, () => this.signIn(undefined)],
      [1, () => this.expireTokens()],
    ]
    if (!this.#options.loads) return all
    return [
      ...all,
      [1, () => this.take({ type: 'reload' })],
      [1, () => this.take({ type: 'rest' })],
      [4, () => this.start()],
      [
        1,
        () => {
          this.#isUnappliable = true
        },
      ],
    ]
  }

  #ofProgram(): Happening[] {
    return [
      ...(this.#isAsked
        ? ([
            [20, () => this.giveToken()],
            [2, () => this.giveNoToken()],
          ] as Happening[])
        : []),
      ...(this.#isLoading
        ? ([
            [20, () => this.giveData()],
            [2, () => this.giveNoData()],
          ] as Happening[])
        : []),
    ]
  }

  #ofNetwork(): Happening[] {
    const { network, server } = this
    const restore = () => {
      server.restore(2)
      network.cut(1012)
    }
    const always: Happening[] = [
      [1, () => server.forgetHistory(1)],
      [1, restore],
    ]
    const code = codes[Math.floor(this.#options.random() * codes.length)] ?? 1006
    if (network.isConnecting) {
      return [
        ...always,
        [20, () => network.accept()],
        [1, () => network.acceptElsewhere()],
        [2, () => network.cut(1006)],
      ]
    }
    if (!network.isConnected) return always
    return [
      ...always,
      [30, () => network.bring()],
      [2, () => network.repeat()],
      [2, () => network.cut(code)],
      [1, () => network.silence()],
    ]
  }

  #ofTimers(): Happening[] {
    const isWaiting = this.state.phase === 'waiting'
    return [...this.#timers.keys()].map((timer) => [isWaiting ? 10 : 1, () => this.#ring(timer)])
  }

  #run(effect: Effect): void {
    switch (effect.type) {
      case 'drop':
        this.#drop()
        break
      case 'ask':
        this.attempts += 1
        this.#isAsked = true
        break
      case 'load':
        this.attempts += 1
        this.#isLoading = true
        break
      case 'connect':
        this.attempts += 1
        if (this.network.isConnecting || this.network.isConnected) this.wrong.push('a second connection')
        this.network.connect(effect.token, effect.resume)
        break
      case 'send':
        if (this.network.isConnected) this.network.say(effect.frame)
        else this.wrong.push('said to nobody')
        break
      case 'again':
        this.#inputs.splice(1, 0, { type: 'frame', frame: effect.frame })
        break
      case 'wait':
        this.#wait(effect.timer, effect.range)
        break
      case 'clear':
        this.#timers.delete(effect.timer)
        break
      case 'message':
        this.#message(effect.message as Update)
        break
      case 'reset':
        this.resets.push(effect.reason)
        this.#hold()
        break
      case 'forget':
        this.#held = undefined
    }
  }

  #drop(): void {
    this.#timers.clear()
    this.#isAsked = false
    this.#isLoading = false
    this.network.drop()
  }

  #wait(timer: Timer, { least, most }: Range): void {
    if (!(least >= 0 && least <= most && most <= longest[timer])) this.wrong.push(`${timer}: ${least} to ${most}`)
    this.#timers.set(timer, this.#clock + least + this.#options.random() * (most - least))
  }

  #message({ user, id }: Update): void {
    const held = this.#held
    if (this.#isUnappliable) {
      this.#isUnappliable = false
      this.#held = undefined
      this.take({ type: 'broken' })
      return
    }
    const next = held && this.server.next(held.user, held.place)
    if (!held) this.wrong.push(`${id} before anything`)
    else if (held.user !== user) this.wrong.push(`${id} of ${user} to ${held.user}`)
    else if (next?.update.id !== id) this.wrong.push(`${id} instead of ${next?.update.id}`)
    else if (this.state.at !== textOf(next.behind)) this.wrong.push(`${id}, and does not know it`)
    else this.#held = { user, place: next.behind }
    this.handed += 1
  }

  /** The listener has everything up to the client's position. */
  #hold(): void {
    const { at } = this.state
    const { user } = this.network
    if (at === undefined || user === undefined) this.wrong.push('from nowhere')
    else this.#held = { user, place: placeOf(at) }
  }

  #check({ type }: Input): void {
    const { phase, loads, recent } = this.state
    if (phase === 'open' && !loads && !this.#hasBegun) this.#hold()
    this.#hasBegun ||= phase === 'open'
    const { isConnecting, isConnected } = this.network
    const underWay = [
      this.#isAsked && 'asking',
      this.#isLoading && 'loading',
      (isConnecting || isConnected) && 'connecting',
    ]
    const found = underWay.filter(Boolean).join(', ')
    const expected: Record<State['phase'], readonly string[]> = {
      ...{ idle: [''], waiting: [''], 'signed-out': [''], closed: [''] },
      ...{ asking: ['asking'], loading: ['loading'], connecting: ['connecting'] },
      open: ['connecting', 'asking, connecting'],
    }
    if (!expected[phase].includes(found)) this.wrong.push(`${type}: ${found} while ${phase}`)
    const isResting = phase === 'idle' || phase === 'signed-out' || phase === 'closed'
    if (isResting ? this.#timers.size > 0 : !this.#timers.has('step')) this.wrong.push(`${type}: timers while ${phase}`)
    if (recent.length > 50) this.wrong.push('too much is remembered')
    if (statusOf(this.state) === 'live' && !isConnected) this.wrong.push(`${type}: live while ${phase}`)
  }

  #ring(timer: Timer): void {
    this.#timers.delete(timer)
    this.take({ type: 'timer', timer })
  }

  /** Whether a timer was still to run out by then. */
  #ringNext(end: number): boolean {
    const [timer, due = 0] = [...this.#timers].sort(([, a], [, b]) => a - b)[0] ?? []
    if (timer === undefined || due > end) return false
    this.#clock = Math.max(this.#clock, due)
    this.#ring(timer)
    return true
  }

  #tokenOf(user: string): Token {
    this.#tokens += 1
    const text = `${user}/${this.#tokens}`
    return { text, user: this.#options.tokensTell ? user : undefined, leftMs: tokenMs }
  }
}

function ofToken(token: string): string | undefined {
  return token.split('/')[0]
}
