import type { ClientFrame, Frame } from './frames.ts'

/** An update as the model has it. */
export interface Update {
  readonly user: string
  readonly id: number
}

/** A connection of the model's server; what it says lies in `frames` until the network brings it. */
export interface ServerConnection {
  user: string
  readonly frames: Frame[]
}

/** A place in the model's log. */
export interface Place {
  readonly epoch: number
  /** How many updates lie before it. */
  readonly offset: number
}

/** A server of live updates, as docs/live.md has its protocol. Its faults are asked for. */
export class ServerModel {
  readonly connections = new Set<ServerConnection>()
  readonly #log: Update[] = []
  readonly #userOf: (token: string) => string | undefined
  #epoch = 0
  /** Positions before it are forgotten. */
  #kept = 0
  #ids = 0

  /** @param userOf whom it takes a token for; undefined: it has expired */
  constructor(userOf: (token: string) => string | undefined) {
    this.#userOf = userOf
  }

  get here(): Place {
    return { epoch: this.#epoch, offset: this.#log.length }
  }

  /** The first update of a user from a place on. */
  next(user: string, { epoch, offset }: Place): { readonly update: Update; readonly behind: Place } | undefined {
    const found = epoch === this.#epoch ? this.#log.findIndex((one, nth) => nth >= offset && one.user === user) : -1
    const update = this.#log[found]
    return update && { update, behind: { epoch, offset: found + 1 } }
  }

  push(user: string): void {
    this.#ids += 1
    this.#log.push({ user, id: this.#ids })
    const frame: Frame = { type: 'update', at: textOf(this.here), message: { user, id: this.#ids } }
    for (const connection of this.connections) if (connection.user === user) connection.frames.push(frame)
  }

  /** Forgets all but the last so many updates. */
  forgetHistory(but: number): void {
    this.#kept = Math.max(this.#kept, this.#log.length - but)
  }

  /** Its database is restored: the last so many updates never were. */
  restore(lost: number): void {
    this.#epoch += 1
    this.#log.splice(Math.max(0, this.#log.length - lost))
    this.#kept = this.#log.length
  }

  /** A connection, or the code of its close. */
  accept(token: string, resume: string | undefined): ServerConnection | number {
    const user = this.#userOf(token)
    if (user === undefined) return 4419
    const connection: ServerConnection = { user, frames: [] }
    this.connections.add(connection)
    this.#greet(connection, resume)
    return connection
  }

  #greet(connection: ServerConnection, resume: string | undefined): void {
    const here = textOf(this.here)
    const place = resume === undefined ? undefined : placeOf(resume)
    if (!place || resume === undefined) {
      connection.frames.push({ type: 'connected', at: here })
    } else if (place.epoch !== this.#epoch || place.offset < this.#kept) {
      const reason = place.epoch === this.#epoch ? 'expired' : 'unknown'
      connection.frames.push({ type: 'connected', at: here }, { type: 'reset', at: here, reason })
    } else {
      connection.frames.push({ type: 'connected', at: resume })
      this.#giveMissed(connection, place)
    }
  }

  #giveMissed(connection: ServerConnection, from: Place): void {
    for (let next = this.next(connection.user, from); next; next = this.next(connection.user, next.behind)) {
      connection.frames.push({ type: 'update', at: textOf(next.behind), message: next.update })
    }
  }

  /** What the client says; answers with a close code where that is the answer. */
  receive(connection: ServerConnection, said: ClientFrame): number | undefined {
    if (said.type === 'ping') {
      connection.frames.push({ type: 'pong', at: textOf(this.here) })
      return undefined
    }
    const user = this.#userOf(said.token)
    if (user === connection.user) connection.frames.push({ type: 'authenticated' })
    else return user === undefined ? 4419 : 4401
    return undefined
  }
}

/** A position as clients see it. */
export function textOf({ epoch, offset }: Place): string {
  return `${epoch}.${offset}`
}

/** The place of a position. */
export function placeOf(text: string): Place {
  const [epoch, offset] = text.split('.').map(Number)
  return { epoch: epoch ?? -1, offset: offset ?? -1 }
}
