import { codeOf, type ErrorCode, isMillraceError } from '../core/errors.ts'

/** Where a worker stands, for health and operations. */
export interface WorkerStatus {
  readonly topic: string
  readonly partition: number
  /** The first offset not handled; undefined before it is known. */
  readonly position: number | undefined
  /** The log's known end. */
  readonly end: number | undefined
  /**
   * For how long it has been seen behind the end without moving, beyond the time its consumer waits for a batch, in
   * milliseconds. It is seen when the status is asked for.
   */
  readonly stillMs: number
  /** When the record that is handled next was produced, in milliseconds since 1970; undefined where none has been read. */
  readonly nextProducedAt: number | undefined
  /** Code or name of what last went wrong, until something goes well: a message may quote data, and health is public. */
  readonly lastError: string | undefined
}

/** Errors whose messages are about nothing but positions: they quote no data. */
const aboutPositions: ReadonlySet<ErrorCode> = new Set(['POSITION_BEYOND_END', 'TOPIC_RECREATED'])

/** Whether a worker gets on, and what keeps it from doing so. */
export class Progress {
  /** When it was first seen behind the end, since it moved. */
  #stillSince: number | undefined
  #lastError: string | undefined

  /** See {@link WorkerStatus.lastError}. */
  get lastError(): string | undefined {
    return this.#lastError
  }

  /** For how long it has been seen behind, in milliseconds, this time included. */
  stillMs(isBehind: boolean): number {
    this.#stillSince = isBehind ? (this.#stillSince ?? performance.now()) : undefined
    return this.#stillSince === undefined ? 0 : performance.now() - this.#stillSince
  }

  /** Something went well. */
  moved(): void {
    this.#stillSince = undefined
    this.#lastError = undefined
  }

  /** That it stood still until now is no fault of its. */
  rested(): void {
    this.#stillSince = undefined
  }

  /** Something went wrong. */
  failed(error: unknown): void {
    const isAboutPositions = isMillraceError(error) && aboutPositions.has(error.code)
    this.#lastError = isAboutPositions ? `${error.message} ${error.remedy}` : codeOf(error)
  }
}
