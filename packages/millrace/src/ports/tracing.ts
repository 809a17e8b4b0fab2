import type { TraceContext } from '../core/trace-context.ts'

/** A piece of work worth a span, in the framework's words; an adapter gives it its name and attributes. */
export type Work =
  /** A request that is served; `route` is its pattern. */
  | { readonly kind: 'request'; readonly method: string; readonly route: string | undefined; readonly path: string }
  /** An event is published: at once, which takes until the broker has it, or into a unit of work, which takes no time. */
  | { readonly kind: 'publish' | 'create'; readonly broker: string; readonly topic: string; readonly type: string }
  /** The relay hands a piece of the outbox to a broker. */
  | { readonly kind: 'relay'; readonly broker: string; readonly records: number }
  /** A chunk's transaction. */
  | {
      readonly kind: 'chunk'
      readonly broker: string
      readonly consumer: string
      readonly topic: string
      readonly partition: number
      readonly records: number
    }
  /** One event's handler, or its `prepare`. */
  | {
      readonly kind: 'process' | 'prepare'
      readonly broker: string
      readonly consumer: string
      readonly topic: string
      readonly type: string
      readonly partition: number
      readonly offset: number
      readonly id: string
    }
  /** A batch's handler. */
  | {
      readonly kind: 'process-batch'
      readonly broker: string
      readonly consumer: string
      readonly topic: string
      readonly records: number
    }

/** Where a span belongs. */
export interface SpanPlace {
  /** What caused it, elsewhere. Default: the span that the caller runs in, where it runs in one. */
  readonly parent?: TraceContext | undefined
  /** What it has to do with besides. */
  readonly links?: readonly TraceContext[]
}

/** A span that has begun. */
export interface TraceSpan {
  /** What is written into headers, so that what comes of it is its child. */
  readonly context: TraceContext
  /** Runs work within it. */
  run<T>(work: () => T): T
  /** A request was answered with this status. */
  answered(status: number): void
  failed(error: unknown): void
  /** To be called once. */
  end(): void
}

/**
 * Where spans go. It never throws, never waits for whoever takes the spans, and keeps a bounded number of them: what is
 * too much is dropped.
 */
export interface Tracing {
  begin(work: Work, place: SpanPlace): TraceSpan
  /** Hands on what is there, within a bound. */
  stop(): Promise<void>
}
