import type { Position } from './token.ts'

/** A record of the live topic, as it is kept. */
export interface Entry extends Position {
  /** The transaction that wrote it. */
  readonly xid: number
  /** Milliseconds since 1970, by the database's clock. */
  readonly appendedAt: number
  /** The update in it; undefined for any other record. */
  readonly update: Update | undefined
}

/** An update, ready to be written to sockets. */
export interface Update extends Position {
  readonly xid: number
  /** Its channel and audience; see {@link streamOf}. */
  readonly stream: string
  readonly frame: Buffer
  /** The neighbours of its stream; kept up by {@link History}. */
  previous: Update | undefined
  next: Update | undefined
}

/** How much is kept. */
export interface HistoryBounds {
  readonly ageMs: number
  readonly bytes: number
}

/** What there is to say of a position. */
export type Found = 'here' | 'ahead' | 'expired' | 'unknown'

/** About what an entry takes besides its frame. */
const entryBytes = 250
/** Entries that are gone stay in front of the list until there are so many. */
const mostGone = 4_096

/** Where a channel's updates for an audience stand among all. */
export function streamOf(channel: string, audience: string): string {
  return `${channel} ${audience}`
}

/**
 * The latest records of the live topic, all streams' together, in memory: from it every client is given what it missed,
 * without a look at the database. Offsets are dense, so a record is found by its offset; within a stream, updates are
 * linked, so a client costs what it missed.
 */
export class History {
  readonly #bounds: HistoryBounds
  readonly #latest = new Map<string, Update>()
  #entries: Entry[] = []
  /** Those before it have gone. */
  #first = 0
  #bytes = 0
  /** The place before the first entry. */
  #base: Position

  constructor(bounds: HistoryBounds, base: Position) {
    this.#bounds = bounds
    this.#base = base
  }

  /** The place of the last record. */
  get last(): Position {
    return this.#entries.at(-1) ?? this.#base
  }

  get bytes(): number {
    return this.#bytes
  }

  /** Appends the next record: its offset is the last one's and one. */
  append(entry: Entry): void {
    this.#entries.push(entry)
    this.#bytes += sizeOf(entry)
    if (entry.update) this.#link(entry.update)
    while (this.#first < this.#entries.length && this.#isTooMuch(entry)) this.#drop()
    if (this.#first === this.#entries.length || this.#first >= mostGone) this.#compact()
  }

  /** Whether a client that has come to a position can go on from there. */
  find({ offset, mark }: Position): Found {
    if (offset > this.last.offset) return 'ahead'
    if (offset < this.#base.offset) return 'expired'
    const known =
      offset === this.#base.offset ? this.#base : this.#entries[this.#first + offset - this.#base.offset - 1]
    return known?.mark === mark ? 'here' : 'unknown'
  }

  /** Whether nothing behind a position has gone. */
  keeps({ offset }: Position): boolean {
    return offset >= this.#base.offset
  }

  /** The first update of a stream behind an offset; the others follow by `next`. */
  firstAfter(stream: string, offset: number): Update | undefined {
    let found: Update | undefined
    for (let update = this.#latest.get(stream); update && update.offset > offset; update = update.previous)
      found = update
    return found
  }

  #link(update: Update): void {
    const previous = this.#latest.get(update.stream)
    update.previous = previous
    if (previous) previous.next = update
    this.#latest.set(update.stream, update)
  }

  #isTooMuch(newest: Entry): boolean {
    const oldest = this.#entries[this.#first] ?? newest
    return this.#bytes > this.#bounds.bytes || oldest.appendedAt < newest.appendedAt - this.#bounds.ageMs
  }

  /** An update that has gone keeps its `next`: a client that is being given it finds the others. */
  #drop(): void {
    const entry = this.#entries[this.#first]
    if (!entry) return
    this.#first += 1
    this.#bytes -= sizeOf(entry)
    this.#base = { offset: entry.offset, mark: entry.mark }
    const { update } = entry
    if (update?.next) update.next.previous = undefined
    else if (update) this.#latest.delete(update.stream)
  }

  #compact(): void {
    this.#entries = this.#entries.slice(this.#first)
    this.#first = 0
  }
}

function sizeOf({ update }: Entry): number {
  return entryBytes + (update ? update.frame.length + 2 * update.stream.length : 0)
}
