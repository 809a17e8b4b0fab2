/** A snapshot with more transactions under way than that is none of ours. */
const mostInProgress = 2_000
const inToken = /^[0-9a-z]{1,11}(?:_[0-9a-z]{1,11})+$/

/** Which transactions a snapshot of the database sees: a `pg_snapshot`, tested in process. */
export class Visibility {
  readonly #xmin: number
  readonly #xmax: number
  readonly #inProgress: ReadonlySet<number>

  private constructor(xmin: number, xmax: number, inProgress: readonly number[]) {
    this.#xmin = xmin
    this.#xmax = xmax
    this.#inProgress = new Set(inProgress)
  }

  /** @param text as PostgreSQL writes it: `xmin:xmax:xip,xip` */
  static ofSnapshot(text: string): Visibility {
    const [xmin, xmax, inProgress = ''] = text.split(':')
    const running = inProgress === '' ? [] : inProgress.split(',').map(Number)
    return new Visibility(Number(xmin), Number(xmax), running)
  }

  /** Undefined where the text is not what {@link toToken} writes. */
  static ofToken(text: string): Visibility | undefined {
    if (!inToken.test(text)) return undefined
    const [xmin = 0, ...distances] = text.split('_').map((digits) => Number.parseInt(digits, 36))
    const [xmax = xmin, ...inProgress] = distances.map((distance) => xmin + distance)
    return inProgress.length > mostInProgress ? undefined : new Visibility(xmin, xmax, inProgress)
  }

  /** In letters, digits and `_`; short, as the ids lie close together. */
  toToken(): string {
    const distances = [this.#xmax, ...this.#inProgress].map((xid) => (xid - this.#xmin).toString(36))
    return [this.#xmin.toString(36), ...distances].join('_')
  }

  /** Whether the snapshot sees what a transaction wrote that has been committed by now. */
  sees(xid: number): boolean {
    if (xid < this.#xmin) return true
    return xid < this.#xmax && !this.#inProgress.has(xid)
  }

  /** Whether this one sees all that the other does. */
  covers(other: Visibility): boolean {
    if (this.#xmax < other.#xmax) return false
    for (const xid of this.#inProgress) if (other.sees(xid)) return false
    return true
  }
}
