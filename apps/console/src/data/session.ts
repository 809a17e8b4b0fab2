import type { Grant } from '@millrace/backend/src/modules/tasks/auth/credentials.ts'
import { RequestError, type Send } from './request.ts'

/** Where the session is kept, for all tabs. */
const key = 'millrace.session'

/** How long before a token expires the next one is fetched: as early as open live connections ask for it. */
const marginMs = 120_000

/** Somebody who is signed in. */
export interface User {
  readonly email: string
}

/** A login as it is kept. */
interface Kept extends User {
  readonly accessToken: string
  readonly refreshToken: string
  /** When to fetch the next tokens, and when the access token is worth nothing, by the clock of this machine. */
  readonly refreshAt: number
  readonly expiresAt: number
}

/** What {@link Session} works with: the browser's own, but for tests. */
export interface SessionOptions {
  readonly send: Send
  readonly storage: Pick<Storage, 'getItem' | 'setItem' | 'removeItem'>
  /** Undefined where the page is neither on this machine nor came by HTTPS: browsers give such pages none. */
  readonly locks: LockManager | undefined
  /** Fires `storage` when another tab has changed it. */
  readonly tabs: Pick<EventTarget, 'addEventListener'>
}

/**
 * Who is signed in, in all tabs of the browser together: one login, kept in its storage. A refresh token is good once, and a
 * second use of it ends the session; so whichever tab takes it holds a lock, and the others find the next one when they have
 * it. See docs/decisions/0028-one-session-for-all-tabs.md.
 */
export class Session {
  readonly #options: SessionOptions
  readonly #listeners = new Set<() => void>()
  /** What is kept as text, and what that says: the same object as long as it is the same text. */
  #read: readonly [string | null, Kept | undefined] = [null, undefined]
  #user: User | undefined
  /** What is under way in this tab, where there are no locks. */
  #last: Promise<unknown> = Promise.resolve()

  constructor(options: SessionOptions) {
    this.#options = options
    options.tabs.addEventListener('storage', (event) => {
      // null: all of the storage was cleared.
      if ([key, null].includes((event as StorageEvent).key)) this.#changed()
    })
    this.#changed()
  }

  /** Who is signed in; the same object for as long as it is he. */
  get user(): User | undefined {
    return this.#user
  }

  /** Tells when the user is another one, or there is another token. */
  subscribe(listener: () => void): () => void {
    this.#listeners.add(listener)
    return () => this.#listeners.delete(listener)
  }

  /** Tells when the user is another one. */
  subscribeUser(listener: () => void): () => void {
    let last = this.user
    return this.subscribe(() => {
      if (this.user === last) return
      last = this.user
      listener()
    })
  }

  /** @throws RequestError: EMAIL_TAKEN, REQUEST_INVALID, … */
  async register(email: string, password: string): Promise<void> {
    await this.#options.send({ method: 'POST', path: '/api/auth/register', body: { email, password } })
    await this.signIn(email, password)
  }

  /** @throws RequestError: LOGIN_FAILED, … */
  async signIn(email: string, password: string): Promise<void> {
    const asked = Date.now()
    const grant = await this.#options.send({ method: 'POST', path: '/api/auth/login', body: { email, password } })
    this.#keep(email, grant as Grant, asked)
  }

  /** Forgets the session here, and ends it at the server if that can be reached. */
  async signOut(): Promise<void> {
    const kept = this.#kept()
    if (!kept) return
    this.#forget()
    // It ends the session also where a refresh under way has taken the token.
    const body = { refresh_token: kept.refreshToken }
    await this.#options.send({ method: 'POST', path: '/api/auth/logout', body }).catch(() => {})
  }

  /**
   * The access token to send; another one is fetched when it is about to expire.
   *
   * @param refused one that the server has not taken
   * @returns undefined where nobody is signed in, any more
   * @throws RequestError when there is none that is good, and the server cannot be asked
   */
  async accessToken(refused?: string): Promise<string | undefined> {
    const kept = this.#kept()
    if (!kept || isGood(kept, refused)) return kept?.accessToken
    return this.#alone(() => this.#refresh(refused))
  }

  /** A token that was fetched just now is not taken: whoever it is must sign in. */
  end(refused: string): void {
    if (this.#kept()?.accessToken === refused) this.#forget()
  }

  async #refresh(refused: string | undefined): Promise<string | undefined> {
    // Another tab, or another request, may have done it while this one waited for its turn.
    const kept = this.#kept()
    if (!kept || isGood(kept, refused)) return kept?.accessToken
    const asked = Date.now()
    try {
      const body = { refresh_token: kept.refreshToken }
      const grant = await this.#options.send({ method: 'POST', path: '/api/auth/refresh', body })
      return this.#isStill(kept) ? this.#keep(kept.email, grant as Grant, asked) : this.#tokenOf(kept)
    } catch (error) {
      if (!(error instanceof RequestError)) throw error
      if (error.status !== 401) return stillGood(kept, refused, error)
      if (this.#isStill(kept)) this.#forget()
      return this.#tokenOf(kept)
    }
  }

  /** Whether nobody has signed out, or in, meanwhile. */
  #isStill({ refreshToken }: Kept): boolean {
    return this.#kept()?.refreshToken === refreshToken
  }

  #tokenOf({ email }: User): string | undefined {
    const now = this.#kept()
    return now?.email === email ? now.accessToken : undefined
  }

  #alone<Result>(work: () => Promise<Result>): Promise<Result> {
    const { locks } = this.#options
    if (locks) return locks.request(key, work)
    const turn = this.#last.then(work)
    this.#last = turn.catch(() => {})
    return turn
  }

  #kept(): Kept | undefined {
    const text = this.#options.storage.getItem(key)
    if (text !== this.#read[0]) this.#read = [text, parse(text)]
    return this.#read[1]
  }

  #keep(email: string, grant: Grant, asked: number): string {
    const { access_token: accessToken, refresh_token: refreshToken, expires_in: seconds } = grant
    const ms = seconds * 1_000
    const [refreshAt, expiresAt] = [asked + Math.max(ms - marginMs, ms / 2), asked + ms]
    const kept: Kept = { email, accessToken, refreshToken, refreshAt, expiresAt }
    this.#options.storage.setItem(key, JSON.stringify(kept))
    this.#changed()
    return accessToken
  }

  #forget(): void {
    this.#options.storage.removeItem(key)
    this.#changed()
  }

  #changed(): void {
    const email = this.#kept()?.email
    if (email !== this.#user?.email) this.#user = email === undefined ? undefined : { email }
    for (const listener of this.#listeners) listener()
  }
}

function isGood({ accessToken, refreshAt }: Kept, refused: string | undefined): boolean {
  return accessToken !== refused && Date.now() < refreshAt
}

/** The server cannot be asked: the token is good until it expires, unless it was refused. */
function stillGood({ accessToken, expiresAt }: Kept, refused: string | undefined, error: RequestError): string {
  if (accessToken !== refused && Date.now() < expiresAt) return accessToken
  throw error
}

/** Other versions of the console, and people, write to that storage as well. */
function parse(text: string | null): Kept | undefined {
  try {
    const kept = JSON.parse(text ?? 'null')
    const texts = [kept?.email, kept?.accessToken, kept?.refreshToken]
    const times = [kept?.refreshAt, kept?.expiresAt]
    return texts.every(isText) && times.every(Number.isFinite) ? kept : undefined
  } catch {
    return undefined
  }
}

function isText(value: unknown): value is string {
  return typeof value === 'string'
}
