import { setTimeout } from 'node:timers/promises'
import { type Backoff, type Consumer, defineConsumer, type Millrace, messageOf } from 'millrace'
import type { AppDatabase } from '../../database.ts'
import { type Claim, type Outcome, type Taken, take } from './claims.ts'
import { settleAndTell } from './commands.ts'
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
/** How often is looked whether another process is done with one. */
const lookAgainMs = 500
/** As much of an error's message is kept, in characters: with the longest notification, it fits into a live update. */
const longestError = 500

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
    onDeadLetter: 'continue',
    prepare: {
      NotificationClaimed: async ({ data }, signal) => {
        const taken = await takeWhenFree(millrace.db, data, options.timeoutMs + graceMs, signal)
        return taken && sendOne(millrace, { ...options, counters }, data, taken)
      },
    },
    on: {
      NotificationClaimed: async ({ data }, unit, unwritten) => {
        if (unwritten) await settleAndTell(unit, data, unwritten)
      },
    },
  })
}

/** Waits while another process is sending it, or one that has died was; its key alone waits with it. */
async function takeWhenFree(
  db: AppDatabase,
  claim: Claim,
  forMs: number,
  signal: AbortSignal,
): Promise<Taken | undefined> {
  while (!signal.aborted) {
    const taken = await take(db, claim, forMs)
    if (taken !== 'busy') return taken
    await setTimeout(lookAgainMs, undefined, { signal }).catch(() => {})
  }
  return undefined
}

/**
 * Sends one, and writes down what came of it: at once, as what is prepared is forgotten when the process stops, loses the
 * partition, or does not wait for what takes long. Answers what could not be written; the handler does it then.
 */
async function sendOne(
  millrace: Millrace,
  options: CountedOptions,
  claim: Claim,
  taken: Taken,
): Promise<Outcome | undefined> {
  const outcome = await attempt(taken, options)
  options.counters[outcome.sent ? 'sent' : 'failed']()
  return millrace
    .transaction((unit) => settleAndTell(unit, claim, outcome))
    .then(
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
    const reason = messageOf(error)
      .replace(/\p{Cc}+/gu, ' ')
      .slice(0, longestError)
    return { sent: false, error: reason, waitMs: isLast ? undefined : backoff(made) }
  }
}
