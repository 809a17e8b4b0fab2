import { fail, type MillraceError, messageOf } from '../../core/errors.ts'

/** A key set has a handful of keys of a kilobyte each. */
const largestSet = 262_144

/** Fetches a key set within bounds of time and size, and not again at once after it could not be had. */
export class KeySetSource {
  readonly #timeoutMs: number
  readonly #cooldownMs: number
  #fetchedAt: number | undefined
  #failure: { readonly error: MillraceError; readonly at: number } | undefined

  /** @param cooldownMs for how long a failure is the answer to all who ask */
  constructor(timeoutMs: number, cooldownMs: number) {
    this.#timeoutMs = timeoutMs
    this.#cooldownMs = cooldownMs
  }

  /** Whether the set is there, its time is over, and it may be asked for again. */
  isOlderThan(ms: number): boolean {
    const now = performance.now()
    return this.#fetchedAt !== undefined && now - this.#fetchedAt > ms && this.#recentFailure(now) === undefined
  }

  /** @throws IDENTITY_UNAVAILABLE */
  async fetch(url: string): Promise<Response> {
    const recent = this.#recentFailure(performance.now())
    if (recent) throw recent
    try {
      const response = await fetch(url, { redirect: 'error', signal: AbortSignal.timeout(this.#timeoutMs) })
      if (response.status !== 200) throw new Error(`it answers ${response.status}`)
      const set: unknown = JSON.parse(await textOf(response))
      this.#fetchedAt = performance.now()
      this.#failure = undefined
      return Response.json(set)
    } catch (cause) {
      const error = fail('IDENTITY_UNAVAILABLE', { problem: `${url}: ${reasonOf(cause)}` }, { cause })
      this.#failure = { error, at: performance.now() }
      throw error
    }
  }

  #recentFailure(now: number): MillraceError | undefined {
    return this.#failure && now - this.#failure.at < this.#cooldownMs ? this.#failure.error : undefined
  }
}

/** What `fetch` throws says why in its cause. */
function reasonOf(error: unknown): string {
  return error instanceof Error && error.cause ? `${error.message}, ${messageOf(error.cause)}` : messageOf(error)
}

async function textOf(response: Response): Promise<string> {
  const pieces: Uint8Array[] = []
  let size = 0
  for await (const piece of response.body ?? []) {
    size += piece.length
    if (size > largestSet) throw new Error(`it is larger than ${largestSet} bytes`)
    pieces.push(piece)
  }
  return Buffer.concat(pieces).toString('utf8')
}
