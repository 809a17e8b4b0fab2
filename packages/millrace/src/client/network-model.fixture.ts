import type { ClientFrame, Frame } from './frames.ts'
import type { ServerConnection, ServerModel } from './server-model.fixture.ts'

/** What a client is told of its connection. */
export interface Told {
  frame(frame: Frame): void
  ended(code: number): void
}

/** What lies between a client and a server: one connection, which takes its time, and may be lost. */
export class NetworkModel {
  readonly #server: ServerModel
  readonly #told: Told
  #handshake: { readonly token: string; readonly resume: string | undefined } | undefined
  #connection: ServerConnection | undefined
  #said: ClientFrame[] = []
  /** Nothing comes through any more, and nobody is told. */
  #isSilent = false

  constructor(server: ServerModel, told: Told) {
    this.#server = server
    this.#told = told
  }

  get isConnecting(): boolean {
    return this.#handshake !== undefined
  }

  get isConnected(): boolean {
    return this.#connection !== undefined
  }

  /** As whom the client is connected. */
  get user(): string | undefined {
    return this.#connection?.user
  }

  connect(token: string, resume: string | undefined): void {
    this.#handshake = { token, resume }
  }

  say(frame: ClientFrame): void {
    this.#said.push(frame)
  }

  /** The client is not interested any more. */
  drop(): void {
    if (this.#connection) this.#server.connections.delete(this.#connection)
    this.#connection = undefined
    this.#handshake = undefined
    this.#said = []
    this.#isSilent = false
  }

  /** The handshake comes through. */
  accept(): void {
    const { token = '', resume } = this.#handshake ?? {}
    this.#handshake = undefined
    const accepted = this.#server.accept(token, resume)
    if (typeof accepted === 'number') this.#told.ended(accepted)
    else this.#connection = accepted
  }

  /** The same, at a server that goes on from anywhere, and does not say so. */
  acceptElsewhere(): void {
    this.#handshake = { token: this.#handshake?.token ?? '', resume: undefined }
    this.accept()
  }

  /** The connection is lost, or closed. */
  cut(code: number): void {
    const wasThere = this.isConnecting || this.isConnected
    this.drop()
    if (wasThere) this.#told.ended(code)
  }

  silence(): void {
    this.#isSilent = true
  }

  /** Brings what was said next; answers whether there was anything. */
  bring(): boolean {
    if (this.#isSilent || !this.#connection) return false
    const frame = this.#connection.frames.shift()
    if (frame) this.#told.frame(frame)
    return frame !== undefined || this.#hear(this.#connection)
  }

  /** Brings an update that has been brought again. */
  repeat(): void {
    const [frame] = this.#isSilent ? [] : (this.#connection?.frames ?? [])
    if (frame?.type !== 'update') return
    this.#told.frame(frame)
    this.bring()
  }

  #hear(connection: ServerConnection): boolean {
    const said = this.#said.shift()
    if (!said) return false
    const code = this.#server.receive(connection, said)
    if (code !== undefined) this.cut(code)
    return true
  }
}
