import { createTransport } from 'nodemailer'
import { type Message, type Sender, SendRefused } from './sender.ts'

/** Options of {@link smtpSender}. */
export interface SmtpOptions {
  /** `smtp://` (STARTTLS where the server offers it; demanded where there is a password) or `smtps://`. */
  readonly url: string
  /** The sender's address. */
  readonly from: string
  /** The address of a user, in which `{user_id}` stands for the id. */
  readonly to: string
}

/** Connections at the same time; each carries one mail after the other. */
const mostConnections = 5
const idleMs = 10_000
/** No white space, brackets, commas or quotes: one mailbox, and nothing that could be more than one. */
const address = /^[^\s@<>()[\]\\,;:"]+@[^\s@<>()[\]\\,;:"]+$/

/** Sends plain-text mails: subject is the event, text the content. `Message-ID` is made of the notification's id. */
export function smtpSender(options: SmtpOptions): Sender {
  const transport = createTransport(transportOptions(options.url))
  const domain = options.from.split('@').at(-1)
  return {
    name: 'smtp',
    send: async (message, signal) => {
      signal.throwIfAborted()
      const to = addressOf(options.to, message)
      const { id, event: subject, content: text } = message
      await transport
        .sendMail({
          from: options.from,
          to: { name: '', address: to },
          messageId: `<${id}@${domain}>`,
          subject,
          text,
          signal,
        })
        .catch(rethrow)
    },
  }
}

function transportOptions(url: string) {
  const { protocol, hostname, port, username, password } = new URL(url)
  const secure = protocol === 'smtps:'
  return {
    host: hostname.replace(/^\[|\]$/g, ''),
    port: port === '' ? (secure ? 465 : 587) : Number(port),
    secure,
    ...(username !== '' && {
      auth: { user: decodeURIComponent(username), pass: decodeURIComponent(password) },
      requireTLS: !secure,
    }),
    pool: true as const,
    maxConnections: mostConnections,
    idleTimeout: idleMs,
    disableFileAccess: true,
    disableUrlAccess: true,
  }
}

/** @throws SendRefused when what comes of the pattern is no address */
function addressOf(pattern: string, { userId }: Message): string {
  const to = pattern.replaceAll('{user_id}', () => userId)
  if (!address.test(to)) throw new SendRefused('the user has no mail address: see NOTIFICATIONS_MAIL_TO')
  return to
}

/** An answer from 500 on to the mail itself is for good; one about the login or the connection is not. */
function rethrow(error: Error & { readonly responseCode?: number; readonly code?: string }): never {
  const isAboutMail = error.code === 'EENVELOPE' || error.code === 'EMESSAGE'
  if (isAboutMail && (error.responseCode ?? 0) >= 500) throw new SendRefused(error.message, { cause: error })
  throw error
}
