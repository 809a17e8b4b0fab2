import {
  AuthenticationError,
  MultipleErrors,
  NetworkError,
  ProtocolError,
  ResponseError,
  TimeoutError,
  UserError,
} from '@platformatic/kafka'
import { describe, expect, test } from 'vitest'
import { fail } from '../../core/errors.ts'
import { apiIdOf, brokerError, isFinal, isMisconfigured, problemOf } from './errors.ts'

const produce = 0
const invalidRecord = 87

/** As the library wraps what went wrong with a connection. */
function unreachable(cause: Error): Error {
  return new MultipleErrors('Cannot connect to any broker.', [
    new NetworkError('Connection to localhost:9092 failed.', { cause }),
  ])
}

function coded(code: string, message = code): Error {
  return Object.assign(new Error(message), { code })
}

describe('Kafka’s errors become Millrace’s', () => {
  test.each([
    ['UNKNOWN_TOPIC_OR_PARTITION', 'TOPIC_UNKNOWN'],
    ['TOPIC_AUTHORIZATION_FAILED', 'TOPIC_NOT_ALLOWED'],
    ['CLUSTER_AUTHORIZATION_FAILED', 'TOPIC_NOT_ALLOWED'],
    ['GROUP_AUTHORIZATION_FAILED', 'GROUP_NOT_ALLOWED'],
    ['MESSAGE_TOO_LARGE', 'RECORD_TOO_LARGE'],
    ['INVALID_TIMESTAMP', 'RECORD_REFUSED'],
    ['NOT_LEADER_OR_FOLLOWER', 'BROKER_UNAVAILABLE'],
    ['COORDINATOR_NOT_AVAILABLE', 'BROKER_UNAVAILABLE'],
  ])('%s: %s', (apiId, code) => {
    const error = new MultipleErrors('produce failed 2 times.', [
      new NetworkError('Connection closed'),
      new ProtocolError(apiId),
    ])

    const translated = brokerError(error, { topic: 'orders', group: 'billing', size: 2_000 })

    expect(translated).toMatchObject({ code, cause: error })
    expect(apiIdOf(error)).toBe(apiId)
    expect(isFinal(error)).toBe(code !== 'BROKER_UNAVAILABLE')
    expect(isMisconfigured(error)).toBe(false)
  })

  test('with what the broker said', () => {
    const errors: Record<string, [number, string | null]> = {
      '/0': [-1, 'no key'],
      '/1': [invalidRecord, 'one is invalid'],
    }
    const error = new ResponseError(produce, 11, errors, {})

    expect(brokerError(error, { topic: 'orders' }).message).toBe(
      'The broker refused a record for topic orders: no key (INVALID_RECORD)',
    )
  })

  test('and what is Millrace’s stays', () => {
    const error = fail('TOPIC_UNKNOWN', { topic: 'orders' })

    expect(brokerError(error)).toBe(error)
    expect(isFinal(error)).toBe(true)
  })
})

describe('what cannot pass by itself is named', () => {
  test.each([
    [
      unreachable(new AuthenticationError('SASL authentication failed.')),
      /user name or password \(KAFKA_SASL_USERNAME/,
    ],
    [
      unreachable(
        new AuthenticationError('Cannot find a suitable SASL mechanism.', {
          cause: new ProtocolError('UNSUPPORTED_SASL_MECHANISM'),
        }),
      ),
      /KAFKA_SASL_MECHANISM/,
    ],
    [unreachable(coded('SELF_SIGNED_CERT_IN_CHAIN')), /not trusted \(SELF_SIGNED_CERT_IN_CHAIN\): set KAFKA_SSL_CA/],
    [unreachable(coded('DEPTH_ZERO_SELF_SIGNED_CERT')), /not trusted/],
    [
      unreachable(coded('ERR_TLS_CERT_ALTNAME_INVALID', 'Host: a. is not in the cert’s altnames')),
      /another host: Host: a/,
    ],
    [unreachable(coded('CERT_HAS_EXPIRED', 'certificate has expired')), /certificate has expired/],
    [unreachable(new UserError('TLS handshake failed. Please verify the broker supports TLS.')), /does not speak TLS/],
    [unreachable(coded('ERR_SSL_WRONG_VERSION_NUMBER')), /does not speak TLS/],
    [new UserError('Broker requires TLS.'), /asks for TLS on this port: set KAFKA_SSL/],
  ])('%#', (error, problem) => {
    expect(isMisconfigured(error)).toBe(true)
    expect(isFinal(error)).toBe(true)
    expect(problemOf(error)).toMatch(problem)
  })

  test('and what may pass is told in one line', () => {
    const refused = unreachable(coded('ECONNREFUSED', 'connect ECONNREFUSED 127.0.0.1:9092'))

    expect(problemOf(refused)).toBe('Connection to localhost:9092 failed: connect ECONNREFUSED 127.0.0.1:9092')
    expect(problemOf(new TimeoutError('Request timed out'))).toBe('Request timed out')
    expect(isFinal(refused)).toBe(false)
    expect(brokerError(refused).code).toBe('BROKER_UNAVAILABLE')
    expect(problemOf('anything')).toBe('anything')
  })
})
