import { Visibility } from './visibility.ts'

/** A place in the live topic: that of a record. */
export interface Position {
  /** -1: before the first record. */
  readonly offset: number
  /** Tells the record from another one that has its offset in a database that was restored. */
  readonly mark: string
}

/** How far a client has come. */
export interface Token extends Position {
  /** Of the live topic: another one has another history. */
  readonly epoch: string
  /** What the client has been given besides what lies before its position: all that this sees. */
  readonly seen?: Visibility
}

/** The mark of a place whose record is not known. */
export const unknownMark = '0'

const inText = /^([0-9a-f]{8})\.(-1|\d{1,15})\.([0-9a-z-]{1,30})(?:\.(\w{1,12000}))?$/

/** An opaque text for clients; only characters that stand for themselves in a URL and in JSON. */
export function tokenText({ epoch, offset, mark, seen }: Token): string {
  const place = `${epoch}.${offset}.${mark}`
  return seen ? `${place}.${seen.toToken()}` : place
}

/** Undefined where the text is not what {@link tokenText} writes. */
export function parseToken(text: string): Token | undefined {
  const [, epoch = '', offset, mark = '', seen] = inText.exec(text) ?? []
  if (offset === undefined) return undefined
  const place = { epoch, offset: Number(offset), mark }
  if (seen === undefined) return place
  const visibility = Visibility.ofToken(seen)
  return visibility && { ...place, seen: visibility }
}

/** The mark of a record: two that were written apart agree in neither. */
export function markOf(xid: number, timestamp: number): string {
  return `${xid.toString(36)}-${timestamp.toString(36)}`
}

/** The epoch of a topic, by its id. */
export function epochOf(topicId: string): string {
  return topicId.slice(0, 8)
}
