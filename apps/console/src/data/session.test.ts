import { describe, expect, test, vi } from 'vitest'
import { type Request, RequestError, type Send } from './request.ts'
import { Session } from './session.ts'

const refused = (code: string) => new RequestError({ code, status: 401, detail: code })
const unreachable = new RequestError({ code: 'UNREACHABLE', status: 0, detail: 'away' })

/** What logins and refreshes are answered: as the backend does, a token that comes twice ends the session. */
class Issuer {
  /** How long its access tokens are good for. */
  lifetimeS = 900
  /** Thrown instead of an answer. */
  failure: Error | undefined
  /** Holds answers back. */
  gate: Promise<unknown> = Promise.resolve()
  refreshes = 0
  #issued = 0
  #current: string | undefined

  readonly send: Send = async (request) => {
    if (this.failure) throw this.failure
    const answer = this.#answer(request)
    await this.gate
    return answer
  }

  get isOpen(): boolean {
    return this.#current !== undefined
  }

  #answer({ path, body }: Request): unknown {
    if (path === '/api/auth/login') return this.#grant()
    const { refresh_token: token } = body as { readonly refresh_token: string }
    if (path === '/api/auth/logout') {
      this.#current = undefined
      return undefined
    }
    this.refreshes += 1
    if (token === this.#current) return this.#grant()
    this.#current = undefined
    throw refused('REFRESH_TOKEN_INVALID')
  }

  #grant() {
    this.#issued += 1
    this.#current = `refresh ${this.#issued}`
    const access = { access_token: `access ${this.#issued}`, token_type: 'Bearer', expires_in: this.lifetimeS }
    return { ...access, refresh_token: this.#current }
  }
}

/** A browser: what its tabs share. */
function browser({ locks }: { locks: boolean }) {
  const kept = new Map<string, string>()
  const tabs: EventTarget[] = []
  const open = (issuer: Issuer) => {
    const tab = new EventTarget()
    tabs.push(tab)
    const changed = (key: string) => {
      for (const other of tabs) if (other !== tab) other.dispatchEvent(Object.assign(new Event('storage'), { key }))
    }
    const storage = {
      getItem: (key: string) => kept.get(key) ?? null,
      setItem: (key: string, value: string) => {
        kept.set(key, value)
        changed(key)
      },
      removeItem: (key: string) => {
        kept.delete(key)
        changed(key)
      },
    }
    return new Session({ send: issuer.send, storage, locks: locks ? navigator.locks : undefined, tabs: tab })
  }
  return { open, kept }
}

describe.each([{ locks: true }, { locks: false }])('where locks are there: $locks', (options) => {
  test('a token is fetched once, whoever asks for it at the same time', async () => {
    const issuer = new Issuer()
    const { open } = browser(options)
    // Without locks, those of one tab.
    const tabs = Array.from({ length: options.locks ? 5 : 1 }, () => open(issuer))
    await tabs[0]?.signIn('ann@example.org', 'secret')
    const asked = tabs.flatMap((tab) => [tab.accessToken('access 1'), tab.accessToken('access 1')])
    expect(new Set(await Promise.all(asked))).toEqual(new Set(['access 2']))
    expect(issuer.refreshes).toBe(1)
  })
})

describe('a session', () => {
  const start = async () => {
    const issuer = new Issuer()
    const { open, kept } = browser({ locks: true })
    const [here, there] = [open(issuer), open(issuer)]
    await here.signIn('ann@example.org', 'secret')
    return { issuer, here, there, open, kept }
  }

  test('is there in all tabs, and in those that are opened later; it ends in all of them', async () => {
    const { issuer, here, there, open } = await start()
    const told = vi.fn()
    there.subscribe(told)
    expect([here.user, there.user, open(issuer).user]).toEqual(Array(3).fill({ email: 'ann@example.org' }))
    expect(await there.accessToken()).toBe('access 1')
    await there.signOut()
    expect([here.user, there.user, await here.accessToken(), issuer.isOpen]).toEqual([
      undefined,
      undefined,
      undefined,
      false,
    ])
    expect(told).toHaveBeenCalled()
  })

  test('has the same user object as long as it is he', async () => {
    const { here } = await start()
    const { user } = here
    await here.accessToken('access 1')
    expect(here.user).toBe(user)
  })

  test('fetches the next token before the last one expires', async () => {
    const { issuer, here } = await start()
    issuer.lifetimeS = 100
    // Half of its time is more than is waited for at the most.
    expect(await here.accessToken('access 1')).toBe('access 2')
    vi.useFakeTimers({ now: Date.now() + 49_000, toFake: ['Date'] })
    try {
      expect(await here.accessToken()).toBe('access 2')
      vi.setSystemTime(Date.now() + 2_000)
      expect(await here.accessToken()).toBe('access 3')
    } finally {
      vi.useRealTimers()
    }
  })

  test('goes on with what it has where the server is away, as long as that is good', async () => {
    const { issuer, here } = await start()
    issuer.failure = unreachable
    vi.useFakeTimers({ now: Date.now() + 800_000, toFake: ['Date'] })
    try {
      expect(await here.accessToken()).toBe('access 1')
      await expect(here.accessToken('access 1')).rejects.toBe(unreachable)
      vi.setSystemTime(Date.now() + 200_000)
      await expect(here.accessToken()).rejects.toBe(unreachable)
    } finally {
      vi.useRealTimers()
    }
    expect(here.user).toBeDefined()
    issuer.failure = undefined
    expect(await here.accessToken('access 1')).toBe('access 2')
  })

  test('is over when its refresh token is refused', async () => {
    const { issuer, here, there } = await start()
    issuer.failure = refused('REFRESH_TOKEN_INVALID')
    expect(await here.accessToken('access 1')).toBeUndefined()
    expect([here.user, there.user]).toEqual([undefined, undefined])
  })

  test('that has ended while a token was fetched stays so', async () => {
    const { issuer, here } = await start()
    const { promise, resolve } = Promise.withResolvers<void>()
    issuer.gate = promise
    const asked = here.accessToken('access 1')
    const left = here.signOut()
    expect(here.user).toBeUndefined()
    resolve()
    expect(await asked).toBeUndefined()
    await left
    expect([here.user, issuer.isOpen]).toEqual([undefined, false])
  })

  test('of somebody else, begun while a token was fetched, is not given to who asked before', async () => {
    const { issuer, here, there } = await start()
    const { promise, resolve } = Promise.withResolvers<void>()
    issuer.gate = promise
    const asked = here.accessToken('access 1')
    // As soon as it is asked, and before it is answered.
    await vi.waitFor(() => expect(issuer.refreshes).toBe(1))
    issuer.gate = Promise.resolve()
    await there.signIn('bob@example.org', 'secret')
    resolve()
    expect(await asked).toBeUndefined()
    expect(here.user).toEqual({ email: 'bob@example.org' })
  })

  test('ends with a token that is refused though it is new, unless there is another one', async () => {
    const { here } = await start()
    here.end('access 0')
    expect(here.user).toBeDefined()
    here.end('access 1')
    expect(here.user).toBeUndefined()
  })

  test.each([
    '',
    'null',
    '1',
    '{}',
    '{"email":"a"',
    '{"email":1}',
    '{"email":"a","accessToken":"b","refreshToken":"c"}',
  ])('is none where something else was kept: %s', async (text) => {
    const { kept, open, issuer } = await start()
    kept.set('millrace.session', text)
    expect(open(issuer).user).toBeUndefined()
  })
})
