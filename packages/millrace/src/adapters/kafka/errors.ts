import { protocolErrorsCodesById } from '@platformatic/kafka'
import { fail, isMillraceError, type MillraceError, messageOf } from '../../core/errors.ts'

/** What an error is about, as far as whoever met it knows. */
export interface ErrorSubject {
  readonly topic?: string
  readonly group?: string
  /** The bytes of the record. */
  readonly size?: number
  /** What the broker said besides the name of the error. */
  readonly said?: string | undefined
}

/**
 * What the library or a broker says, as an error of Millrace's. What is not known to be final is BROKER_UNAVAILABLE:
 * it may pass.
 */
export function brokerError(error: unknown, about: ErrorSubject = {}): MillraceError {
  if (isMillraceError(error)) return error
  const apiId = apiIdOf(error)
  const known = apiId === undefined ? undefined : apiError(apiId, { said: saidIn(error), ...about }, error)
  return known ?? fail('BROKER_UNAVAILABLE', { problem: problemOf(error) }, { cause: error })
}

/** The Millrace error for one of Kafka's, by its name there; none for what may pass. */
export function apiError(apiId: string, about: ErrorSubject, cause?: unknown): MillraceError | undefined {
  const topic = about.topic ?? 'of this app'
  const options = cause === undefined ? {} : { cause }
  if (unknownTopic.has(apiId)) return fail('TOPIC_UNKNOWN', { topic }, options)
  if (notAllowed.has(apiId)) return fail('TOPIC_NOT_ALLOWED', { topic }, options)
  if (apiId === 'GROUP_AUTHORIZATION_FAILED') {
    return fail('GROUP_NOT_ALLOWED', { group: about.group ?? 'of this app' }, options)
  }
  if (tooLarge.has(apiId)) {
    const size = about.size ?? 'too many'
    return fail('RECORD_TOO_LARGE', { topic, size, limit: 'the topic’s max.message.bytes' }, options)
  }
  if (refused.has(apiId)) return fail('RECORD_REFUSED', { topic, problem: apiProblem(apiId, about.said) }, options)
  return undefined
}

/** Kafka's own name of what it answered, such as `NOT_LEADER_OR_FOLLOWER`, wherever the library has wrapped it. */
export function apiIdOf(error: unknown): string | undefined {
  // Of several, the last says most: of attempts it is the latest, of a response's errors the partition's.
  for (const each of chainOf(error).reverse()) if (typeof each.apiId === 'string') return each.apiId
  return undefined
}

/** Kafka's name of an error's number. */
export function apiIdOfCode(errorCode: number): string {
  const names: Readonly<Record<number, string>> = protocolErrorsCodesById
  return names[errorCode] ?? `ERROR_${errorCode}`
}

/** Whether trying again cannot help: the configuration, an account or a certificate is to be corrected first. */
export function isFinal(error: unknown): boolean {
  if (isMillraceError(error)) return error.code !== 'BROKER_UNAVAILABLE'
  const apiId = apiIdOf(error)
  return isMisconfigured(error) || (apiId !== undefined && apiError(apiId, {}) !== undefined)
}

/** Whether connecting fails for a reason that stays: TLS, or who the client says it is. */
export function isMisconfigured(error: unknown): boolean {
  return chainOf(error).some((each) => misconfiguration(each) !== undefined)
}

/** In a line what is wrong, for people who run the app rather than write it. */
export function problemOf(error: unknown): string {
  const chain = chainOf(error)
  for (const each of chain) {
    const problem = misconfiguration(each)
    if (problem !== undefined) return problem
  }
  const apiId = apiIdOf(error)
  if (apiId !== undefined) return apiProblem(apiId, saidIn(error))
  const texts = chain.filter(({ errors }) => errors === undefined).map(({ error }) => messageOf(error))
  return [...new Set(texts.map((text) => text.replace(/\.$/, '')))].slice(0, mostTexts).join(': ') || messageOf(error)
}

const mostTexts = 4

const unknownTopic = new Set(['UNKNOWN_TOPIC_OR_PARTITION', 'UNKNOWN_TOPIC_ID', 'INVALID_TOPIC_EXCEPTION'])
/** Kafka asks for the right to write to the cluster where a client has the right to write to no topic at all. */
const notAllowed = new Set(['TOPIC_AUTHORIZATION_FAILED', 'CLUSTER_AUTHORIZATION_FAILED'])
const tooLarge = new Set(['MESSAGE_TOO_LARGE', 'RECORD_LIST_TOO_LARGE'])
const refused = new Set([
  'INVALID_RECORD',
  'INVALID_TIMESTAMP',
  'CORRUPT_MESSAGE',
  'POLICY_VIOLATION',
  'UNSUPPORTED_FOR_MESSAGE_FORMAT',
  'UNSUPPORTED_COMPRESSION_TYPE',
])

const notTrusted = new Set([
  'CERT_SIGNATURE_FAILURE',
  'CERT_UNTRUSTED',
  'DEPTH_ZERO_SELF_SIGNED_CERT',
  'SELF_SIGNED_CERT_IN_CHAIN',
  'UNABLE_TO_GET_ISSUER_CERT',
  'UNABLE_TO_GET_ISSUER_CERT_LOCALLY',
  'UNABLE_TO_VERIFY_LEAF_SIGNATURE',
])
const notTls = new Set(['ERR_SSL_WRONG_VERSION_NUMBER', 'ERR_SSL_PACKET_LENGTH_TOO_LONG', 'EPROTO'])

/** An error, and what the library may have added to it. */
interface Link {
  readonly error: unknown
  readonly code?: unknown
  readonly apiId?: unknown
  readonly serverErrorMessage?: unknown
  readonly errors?: readonly unknown[]
}

function misconfiguration({ error, code, apiId }: Link): string | undefined {
  const text = messageOf(error)
  if (typeof code === 'string') {
    if (notTrusted.has(code)) {
      return `the broker’s certificate is not trusted (${code}): set KAFKA_SSL_CA to the certificate of its authority`
    }
    if (code === 'ERR_TLS_CERT_ALTNAME_INVALID') return `the broker’s certificate is for another host: ${text}`
    if (code === 'CERT_HAS_EXPIRED' || code === 'CERT_NOT_YET_VALID') return `the broker’s certificate: ${text}`
    if (notTls.has(code)) return noTls
  }
  if (text.startsWith('TLS handshake failed')) return noTls
  if (text === 'Broker requires TLS.') return 'the broker asks for TLS on this port: set KAFKA_SSL=true'
  if (apiId === 'UNSUPPORTED_SASL_MECHANISM') return 'the broker does not know the mechanism KAFKA_SASL_MECHANISM names'
  if (apiId === 'ILLEGAL_SASL_STATE') return 'the broker asks for no password, or for one: see KAFKA_SASL_MECHANISM'
  if (
    apiId === 'SASL_AUTHENTICATION_FAILED' ||
    (code === 'PLT_KFK_AUTHENTICATION' && !text.startsWith('Cannot find'))
  ) {
    return 'the broker refuses the user name or password (KAFKA_SASL_USERNAME, KAFKA_SASL_PASSWORD)'
  }
  return undefined
}

const noTls = 'the broker does not speak TLS on this port: use its port for TLS, or leave out KAFKA_SSL'

/** Kafka's name of an error, with what the broker said of it. */
export function apiProblem(apiId: string, said: string | null | undefined): string {
  return said ? `${said.replace(/\.$/, '')} (${apiId})` : apiId
}

function saidIn(error: unknown): string | undefined {
  for (const { serverErrorMessage } of chainOf(error))
    if (typeof serverErrorMessage === 'string') return serverErrorMessage
  return undefined
}

/** An error with all it was made of, the outermost first. */
function chainOf(error: unknown, depth = 0): Link[] {
  if (!(error instanceof Error) || depth > deepest) return []
  const { code, apiId, serverErrorMessage, errors } = error as Error & Omit<Link, 'error'>
  const parts = Array.isArray(errors) ? errors : []
  const link = { error, code, apiId, serverErrorMessage, ...(parts.length > 0 && { errors: parts }) }
  return [link, ...[...parts, error.cause].flatMap((part) => chainOf(part, depth + 1))]
}

const deepest = 8
