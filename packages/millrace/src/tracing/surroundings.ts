import { AsyncLocalStorage } from 'node:async_hooks'
import { traceOf } from '../contracts/index.ts'
import type { ReceivedEvent } from '../core/event.ts'
import { type TraceContext, traceIdOf } from '../core/trace-context.ts'

/** What the code that runs now runs for. */
export interface Surroundings {
  /** The trace it is part of, where that is not the event's. */
  readonly trace?: TraceContext | undefined
  /** The event that is handled. */
  readonly event?: ReceivedEvent | undefined
}

/**
 * One for all that wants to know where code runs: each `run` costs a record 0.3 µs. The trace of an event is looked up when
 * it is asked for, so a record that is handled without a word costs nothing more.
 */
export const surroundings = new AsyncLocalStorage<Surroundings>()

/** The trace that the caller is part of; undefined where nothing brought one. */
export function currentTrace(): TraceContext | undefined {
  const here = surroundings.getStore()
  return here && (here.trace ?? (here.event && traceOf(here.event)))
}

/** Runs work as part of a trace, and for an event where one is given. */
export function inSurroundings<T>(given: Surroundings, work: () => T): T {
  return surroundings.run({ ...surroundings.getStore(), ...given }, work)
}

/** What a log line says of where it was written: `traceId` and `eventId`, where there is one. */
export function logBindings(): { traceId?: string; eventId?: string } {
  const event = surroundings.getStore()?.event
  const trace = currentTrace()
  return { ...(trace && { traceId: traceIdOf(trace) }), ...(event && { eventId: event.id }) }
}
