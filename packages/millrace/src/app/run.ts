import type { Logger } from '../core/logger.ts'

interface Runnable {
  start(): Promise<void>
  stop(): Promise<void>
}

/**
 * Starts, waits for SIGTERM or SIGINT, and stops in order. A signal during the start takes effect after it; a second one
 * ends the process at once, as `once` leaves it to the system.
 */
export async function runUntilSignal(app: Runnable, logger: Logger): Promise<void> {
  const asked = Promise.withResolvers<NodeJS.Signals>()
  process.once('SIGTERM', asked.resolve)
  process.once('SIGINT', asked.resolve)
  try {
    await app.start()
    logger.info({ signal: await asked.promise }, 'stopping')
    await app.stop()
    logger.info({}, 'stopped')
  } finally {
    process.off('SIGTERM', asked.resolve)
    process.off('SIGINT', asked.resolve)
  }
}
