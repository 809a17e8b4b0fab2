/** What the server says. */
export type Frame =
  | { readonly type: 'connected'; readonly at: string }
  | { readonly type: 'reset'; readonly at: string; readonly reason: string }
  | { readonly type: 'update'; readonly at: string; readonly message: unknown }
  /** Without a position while missed updates are still on their way. */
  | { readonly type: 'pong'; readonly at: string | undefined }
  | { readonly type: 'authenticated' }

/** What the client says. */
export type ClientFrame = { readonly type: 'ping' } | { readonly type: 'auth'; readonly token: string }

/** Reads what came in a WebSocket. Undefined where it is nothing that a client has to know. */
export function frameOf(data: unknown): Frame | undefined {
  const content = typeof data === 'string' ? parsed(data) : undefined
  if (typeof content !== 'object' || content === null) return undefined
  const { at, ...message } = content as { at?: unknown; type?: unknown; reason?: unknown }
  if (message.type === 'authenticated') return { type: 'authenticated' }
  if (message.type === 'pong') return { type: 'pong', at: typeof at === 'string' ? at : undefined }
  if (typeof at !== 'string') return undefined
  if (message.type === 'connected') return { type: 'connected', at }
  if (message.type === 'reset') return { type: 'reset', at, reason: String(message.reason) }
  return { type: 'update', at, message }
}

function parsed(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch {
    return undefined
  }
}
