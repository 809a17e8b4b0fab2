import type { TestApp } from 'millrace/testing'
import { expect } from 'vitest'

const soon = { timeout: 10_000 }

/** What is not the protocol’s own. */
export interface Message {
  readonly type: string
  readonly data: { readonly id: string; readonly version?: number } & Readonly<Record<string, unknown>>
}

interface Frame extends Partial<Message> {
  readonly type: string
  readonly at?: string
}

/** How to connect. */
export interface ListenOptions {
  readonly channel: string
  readonly token: string
  readonly resume?: string
}

/** A browser that listens to a channel, by Node’s own WebSocket. */
export class Listener implements Disposable {
  readonly frames: Frame[] = []
  /** The code that it was closed with. */
  readonly closed: Promise<number>
  readonly #socket: WebSocket

  private constructor({ url }: Pick<TestApp, 'url'>, { channel, token, resume }: ListenOptions) {
    const query = new URLSearchParams({ token, ...(resume !== undefined && { resume }) })
    this.#socket = new WebSocket(`${url.replace('http', 'ws')}/ws/${channel}?${query}`)
    this.#socket.onmessage = ({ data }) => this.frames.push(data === 'pong' ? { type: 'bare pong' } : JSON.parse(data))
    this.closed = new Promise((resolve) => {
      this.#socket.onclose = ({ code }) => resolve(code)
    })
  }

  /** Connects, and waits until it is. */
  static async open(app: Pick<TestApp, 'url'>, options: ListenOptions): Promise<Listener> {
    const listener = new Listener(app, options)
    await expect.poll(() => listener.frames[0]?.type, soon).toBe('connected')
    return listener
  }

  /** What it was told, without what is the protocol’s own, in the order it came. */
  get messages(): Message[] {
    return this.frames
      .filter((frame): frame is Frame & Message => frame.data !== undefined)
      .map(({ type, data }) => ({ type, data }))
  }

  send(text: string): void {
    this.#socket.send(text)
  }

  /** Waits until a message has come, and so all that was pushed before it. */
  async heard(type: string, id: string): Promise<void> {
    const hasCome = () => this.messages.some((message) => message.type === type && message.data.id === id)
    await expect.poll(hasCome, soon).toBe(true)
  }

  [Symbol.dispose](): void {
    this.#socket.close()
  }
}
