import type { Logger } from 'millrace'
import type { Sender } from './sender.ts'

/** Sends to the log: for development, and where somebody reads the log. */
export function logSender(logger: Logger): Sender {
  return {
    name: 'log',
    send: async ({ id, userId, event, content }, signal) => {
      signal.throwIfAborted()
      logger.info({ id, userId, event, content }, 'a notification')
    },
  }
}
