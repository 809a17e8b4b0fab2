import { collectDefaultMetrics, Registry } from 'prom-client'

let shared: Registry | undefined

/**
 * CPU, memory, event loop and garbage collection of this process. One registry for all apps in it: the numbers are
 * the process's, and the observers behind them cannot be taken down again.
 */
export function processMetrics(): Registry {
  if (!shared) {
    shared = new Registry()
    collectDefaultMetrics({ register: shared })
  }
  return shared
}
