const barWidth = 30

/** Shows on a terminal how far something has come; elsewhere it shows nothing. */
export class ProgressBar {
  readonly #total: number
  readonly #isShown: boolean

  constructor(total: number) {
    this.#total = total
    this.#isShown = process.stderr.isTTY === true && total > 0
  }

  /** So many are done. */
  update(done: number): void {
    if (!this.#isShown) return
    const share = Math.min(1, done / this.#total)
    const filled = Math.round(share * barWidth)
    const bar = '█'.repeat(filled) + '░'.repeat(barWidth - filled)
    process.stderr.write(`\r${bar} ${done} of ${this.#total}`)
  }

  end(): void {
    if (this.#isShown) process.stderr.write('\n')
  }
}
