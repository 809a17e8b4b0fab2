/** Wakes whoever waits for it. It remembers nothing: look at the condition, then wait, with no `await` in between. */
export class Signal {
  readonly #waiting = new Set<() => void>()

  /** Resolves at the next {@link notify}, or after so many milliseconds. */
  wait(ms?: number): Promise<void> {
    return new Promise((resolve) => {
      const wake = (): void => {
        clearTimeout(timer)
        this.#waiting.delete(wake)
        resolve()
      }
      const timer = ms === undefined ? undefined : setTimeout(wake, ms)
      this.#waiting.add(wake)
    })
  }

  notify(): void {
    for (const wake of [...this.#waiting]) wake()
  }
}

/** Runs a task one at a time. Asked for during a run, it runs once more after it, however often it was asked. */
export class Repeatable {
  readonly #task: () => Promise<void>
  #running: Promise<void> | undefined
  #again = false

  /** @param task must not reject */
  constructor(task: () => Promise<void>) {
    this.#task = task
  }

  trigger(): void {
    this.#again = true
    this.#running ??= this.#run()
  }

  /** Resolves when nothing is under way or asked for. */
  async idle(): Promise<void> {
    await this.#running
  }

  async #run(): Promise<void> {
    while (this.#again) {
      this.#again = false
      await this.#task()
    }
    this.#running = undefined
  }
}
