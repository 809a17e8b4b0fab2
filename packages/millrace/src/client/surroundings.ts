/** A WebSocket, as far as it is used. */
export interface Socket {
  onmessage: ((event: { readonly data: unknown }) => void) | null
  onclose: ((event: { readonly code: number }) => void) | null
  /** 1: open. */
  readonly readyState: number
  send(text: string): void
  close(): void
}

/** What happens to the page, or the machine. */
export type Change = 'online' | 'offline' | 'visible'

/** Where a client runs: a page, a worker, or a program that has a WebSocket. */
export interface Surroundings {
  readonly WebSocket: new (url: string) => Socket
  /** Where the page is from. */
  readonly origin: string | undefined
  isOnline(): boolean
  /** Tells of changes; answers what ends that. */
  watch(changed: (change: Change) => void): () => void
  /** From 0, below 1. */
  random(): number
  /** Tells the program's owner of an error that no caller is there for. */
  report(error: unknown): void
}

interface Target {
  addEventListener(type: string, listener: (event: { readonly persisted?: boolean }) => void): void
  removeEventListener(type: string, listener: (event: { readonly persisted?: boolean }) => void): void
}

/** What browsers have, and others may not. */
type Global = Partial<Target> & {
  readonly WebSocket: Surroundings['WebSocket']
  readonly location?: { readonly origin: string }
  readonly navigator?: { readonly onLine?: boolean }
  readonly document?: Target & { readonly visibilityState: string }
  readonly reportError?: (error: unknown) => void
}

/** The surroundings of this program. */
export function surroundings(here: Global = globalThis as unknown as Global): Surroundings {
  return {
    WebSocket: here.WebSocket,
    origin: here.location?.origin,
    isOnline: () => here.navigator?.onLine ?? true,
    watch: (changed) => watch(here, changed),
    random: Math.random,
    report: (error) => (here.reportError ?? throwLater)(error),
  }
}

function watch(here: Global, changed: (change: Change) => void): () => void {
  const { document } = here
  const page = here.addEventListener ? (here as Target) : undefined
  const isVisible = () => document?.visibilityState === 'visible'
  const endings = [
    listen(page, 'online', () => changed('online')),
    listen(page, 'offline', () => changed('offline')),
    // Shown again as it was left: no timer has run meanwhile.
    listen(page, 'pageshow', ({ persisted }) => persisted && changed('visible')),
    listen(document, 'visibilitychange', () => isVisible() && changed('visible')),
    listen(document, 'resume', () => changed('visible')),
  ]
  return () => {
    for (const end of endings) end()
  }
}

function listen(target: Target | undefined, type: string, told: Parameters<Target['addEventListener']>[1]): () => void {
  target?.addEventListener(type, told)
  return () => target?.removeEventListener(type, told)
}

function throwLater(error: unknown): void {
  queueMicrotask(() => {
    throw error
  })
}
