/** What is sent. */
export interface Message {
  /** A UUID, the same with each attempt: receivers tell by it what they have already. */
  readonly id: string
  readonly userId: string
  readonly event: string
  readonly content: string
  readonly createdAt: Date
}

/** A way to deliver notifications; `senders.test.ts` holds each to this contract. */
export interface Sender {
  /** As in the setting that chooses it. */
  readonly name: string
  /**
   * Resolves when the receiver has taken it. It carries the message's id, so that the receiver can drop what it has already.
   * Calls run side by side.
   *
   * @param signal gives up; whether the receiver has it is not known then
   * @throws SendRefused when no further attempt can succeed; any other error when one may
   */
  send(message: Message, signal: AbortSignal): Promise<void>
}

/** The receiver will not take it, however often it is sent. */
export class SendRefused extends Error {
  override readonly name = 'SendRefused'
}
