import { hash, verify } from '@node-rs/argon2'
import { fail } from 'millrace'

/** Keeps passwords as hashes. */
export interface Passwords {
  /** @throws LOGINS_BUSY */
  hash(password: string): Promise<string>
  /**
   * Takes as long whether it is the password or not.
   *
   * @throws LOGINS_BUSY
   */
  verify(hash: string, password: string): Promise<boolean>
}

/** As OWASP recommends for Argon2id: 19 MiB, two passes. A changed cost is for new hashes; old ones say their own. */
const cost = { memoryCost: 19_456, timeCost: 2, parallelism: 1 }

/** Each takes a thread of the pool that files and names are looked up with as well: half of it stays free. */
const mostAtOnce = 2

/** Some seconds of work. Who comes then is told to come again. */
const mostWaiting = 200

/** Argon2id, in threads of its own. */
export function argon2Passwords(): Passwords {
  const turns = new Turns()
  return {
    hash: (password) => turns.take(() => hash(password, cost)),
    verify: (hashed, password) => turns.take(() => verify(hashed, password)),
  }
}

/** Lets so many run at a time; the others wait in line, within a bound. */
class Turns {
  readonly #waiting: (() => void)[] = []
  #running = 0

  async take<T>(work: () => Promise<T>): Promise<T> {
    if (this.#running < mostAtOnce) this.#running += 1
    else await this.#wait()
    try {
      return await work()
    } finally {
      // Whoever is next takes over this turn.
      const next = this.#waiting.shift()
      if (next) next()
      else this.#running -= 1
    }
  }

  #wait(): Promise<void> {
    if (this.#waiting.length >= mostWaiting) throw fail('LOGINS_BUSY', {})
    return new Promise((resolve) => this.#waiting.push(resolve))
  }
}
