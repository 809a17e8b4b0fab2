import { type ClientOptions, WebSocket } from 'ws'
import { type TestApp, type TestAppOptions, testApp } from '../testing/index.ts'
import { authenticate, counts, liveModules } from './channels.fixture.ts'

/** An app that serves live connections; others on its database by `databaseUrl`. */
export function liveApp(options: Partial<TestAppOptions> = {}): Promise<TestApp> {
  return testApp({ modules: liveModules, http: { host: '127.0.0.1', port: 0, authenticate }, ...options })
}

/** Pushes numbers to users in one unit of work. */
export function count(app: TestApp, user: string, numbers: readonly number[], padding?: string): Promise<void> {
  return app.millrace.transaction(async (unit) => {
    for (const n of numbers) unit.push(counts, user, { type: 'counted', data: { n, padding } })
  })
}

/** A frame as a client gets it. */
export interface Frame {
  readonly type: string
  readonly at?: string
  readonly reason?: string
  readonly data?: { readonly n: number }
}

/** How to connect. */
export interface ConnectOptions {
  readonly channel?: string
  readonly user?: string
  readonly resume?: string | undefined
  readonly ws?: ClientOptions
}

/** The twenty lines of a client that docs/live.md speaks of, and what it has seen. */
export class TestClient implements Disposable {
  readonly socket: WebSocket
  readonly frames: Frame[] = []
  /** Texts that are no JSON. */
  readonly texts: string[] = []
  /** The last position it was given. */
  at: string | undefined
  /** Why the connection ended: its code, or the status of a handshake that was refused. */
  readonly ended: Promise<{ readonly code: number; readonly reason: string }>
  hasEnded = false

  constructor(app: Pick<TestApp, 'url'>, { channel = 'counts', user = 'anna', resume, ws }: ConnectOptions = {}) {
    const query = new URLSearchParams({ token: user, ...(resume !== undefined && { resume }) })
    this.socket = new WebSocket(`${app.url.replace('http', 'ws')}/ws/${channel}?${query}`, ws)
    this.at = resume
    this.socket.on('message', (data) => this.#take(String(data)))
    this.ended = new Promise((resolve) => {
      this.socket.on('close', (code, reason) => resolve({ code, reason: String(reason) }))
      this.socket.on('unexpected-response', (_, { statusCode = 0 }) => {
        this.socket.terminate()
        resolve({ code: statusCode, reason: '' })
      })
    })
    this.socket.on('error', () => {})
    void this.ended.then(() => {
      this.hasEnded = true
    })
  }

  /** The numbers it was given, in the order they came. */
  get numbers(): number[] {
    return this.frames.flatMap(({ data }) => data?.n ?? [])
  }

  has(type: string): boolean {
    return this.frames.some((frame) => frame.type === type)
  }

  send(message: object | string): void {
    this.socket.send(typeof message === 'string' ? message : JSON.stringify(message))
  }

  [Symbol.dispose](): void {
    this.socket.terminate()
  }

  #take(text: string): void {
    if (!text.startsWith('{')) {
      this.texts.push(text)
      return
    }
    const frame = JSON.parse(text) as Frame
    this.frames.push(frame)
    this.at = frame.at ?? this.at
  }
}
