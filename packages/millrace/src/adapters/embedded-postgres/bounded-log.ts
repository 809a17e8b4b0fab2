import { closeSync, fstatSync, openSync, renameSync, writeSync } from 'node:fs'

/**
 * Appends to a file, and moves it to `<file>.1`, over the one before, when it has grown beyond its limit. Both
 * together stay below about twice the limit. A disk that is full loses lines, not the server.
 */
export class BoundedLog {
  readonly #file: string
  readonly #limit: number
  #descriptor: number
  #size: number

  /** @param limit in bytes */
  constructor(file: string, limit: number) {
    this.#file = file
    this.#limit = limit
    this.#descriptor = openSync(file, 'a', 0o600)
    this.#size = fstatSync(this.#descriptor).size
  }

  write(chunk: Uint8Array): void {
    try {
      if (this.#size > this.#limit) this.#rotate()
      this.#size += writeSync(this.#descriptor, chunk)
    } catch {
      // There is nowhere to report to.
    }
  }

  #rotate(): void {
    closeSync(this.#descriptor)
    renameSync(this.#file, `${this.#file}.1`)
    this.#descriptor = openSync(this.#file, 'a', 0o600)
    this.#size = 0
  }
}
