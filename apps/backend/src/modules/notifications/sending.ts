import { type Backoff, type Consumer, defineConsumer, exponential, type Millrace, messageOf } from 'millrace'
import type { AppDatabase } from '../../database.ts'
import { type Claim, type Outcome, settle, type Taken, take } from './claims.ts'
import { sendingTopic } from './events.ts'
import { type Sender, SendRefused } from './senders/sender.ts'

/** How notifications are sent. */
export interface SendingOptions {
  readonly sender: Sender
  /** How long one attempt may take, in milliseconds. */
  readonly timeoutMs: number
  /** How often one is sent before it has failed. */
  readonly attempts: number
  readonly backoff: Backoff
}

interface CountedOptions extends SendingOptions {
  readonly counters: Readonly<Record<'sent' | 'failed', () => void>>
}

/** A process that sends one has it for so much longer than the attempt may take: to write down what came of it. */
const graceMs = 5_000
/** As much of an error's message is kept, in characters. */
const longestError = 1_000

/**
 * Sends what rounds have claimed. `prepare` does the talking, outside any transaction, and writes down what came of it. A
 * notification is sent at least once: when the process dies between the two, it is sent again under the same id.
 */
export function sendClaimed(millrace: Millrace, options: SendingOptions): Consumer {
  const counters = {
    sent: millrace.count('notifications_sent', 'Notifications that their receivers have taken'),
    failed: millrace.count('notifications_attempts_failed', 'Attempts to send a notification that failed'),
  }
  return defineConsumer({
    name: 'notifications-send',
    topic: sendingTopic,
    // Only that somebody is sending it fails here: it is looked at again, for longer than he may take.
    retry: { attempts: 30, backoff: exponential({ first: '1s', cap: '30s' }) },
    onDeadLetter: 'continue',
    prepare: { NotificationClaimed: ({ data }) => sendOne(millrace.db, { ...options, counters }, data) },
    on: {
      NotificationClaimed: async ({ data }, unit, unwritten) => {
        if (unwritten) await settle(unit.db, data, unwritten)
      },
    },
  })
}

/**
 * Sends one, and writes down what came of it: at once, as what is prepared is forgotten when the process stops, loses the
 * partition, or does not wait for what takes long. Answers what could not be written; the handler does it then.
 */
async function sendOne(db: AppDatabase, options: CountedOptions, claim: Claim): Promise<Outcome | undefined> {
  const taken = await take(db, claim, options.timeoutMs + graceMs)
  if (!taken) return undefined
  const outcome = await attempt(taken, options)
  options.counters[outcome.sent ? 'sent' : 'failed']()
  return settle(db, claim, outcome).then(
    () => undefined,
    () => outcome,
  )
}

/** One attempt, with its own time-out alone: to break it off earlier would leave open whether the receiver has it. */
async function attempt(taken: Taken, { sender, timeoutMs, attempts, backoff }: SendingOptions): Promise<Outcome> {
  const { id, user_id: userId, event, content, created_at: createdAt } = taken
  const made = taken.attempts + 1
  try {
    await sender.send({ id, userId, event, content, createdAt }, AbortSignal.timeout(timeoutMs))
    return { sent: true }
  } catch (error) {
    const isLast = error instanceof SendRefused || made >= attempts
    const reason = messageOf(error).replaceAll('\0', '').slice(0, longestError)
    return { sent: false, error: reason, waitMs: isLast ? undefined : backoff(made) }
  }
}
