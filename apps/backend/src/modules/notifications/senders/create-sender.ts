import type { Logger } from 'millrace'
import { logSender } from './log.ts'
import type { Sender } from './sender.ts'
import { type SmtpOptions, smtpSender } from './smtp.ts'
import { type WebhookOptions, webhookSender } from './webhook.ts'

/** Which sender, and what it needs. */
export type SenderOptions =
  | { readonly kind: 'log' }
  | ({ readonly kind: 'webhook' } & WebhookOptions)
  | ({ readonly kind: 'smtp' } & SmtpOptions)

/** Makes the sender that is asked for; it connects when something is sent. */
export function createSender(options: SenderOptions, logger: Logger): Sender {
  switch (options.kind) {
    case 'log':
      return logSender(logger)
    case 'webhook':
      return webhookSender(options)
    case 'smtp':
      return smtpSender(options)
  }
}
