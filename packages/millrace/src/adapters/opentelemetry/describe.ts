import { type Attributes, SpanKind } from '@opentelemetry/api'
import { ATTR_HTTP_REQUEST_METHOD, ATTR_HTTP_ROUTE, ATTR_URL_PATH } from '@opentelemetry/semantic-conventions'
import {
  ATTR_CLOUDEVENTS_EVENT_TYPE,
  ATTR_MESSAGING_BATCH_MESSAGE_COUNT,
  ATTR_MESSAGING_CONSUMER_GROUP_NAME,
  ATTR_MESSAGING_DESTINATION_NAME,
  ATTR_MESSAGING_DESTINATION_PARTITION_ID,
  ATTR_MESSAGING_KAFKA_OFFSET,
  ATTR_MESSAGING_MESSAGE_ID,
  ATTR_MESSAGING_OPERATION_NAME,
  ATTR_MESSAGING_OPERATION_TYPE,
  ATTR_MESSAGING_SYSTEM,
} from '@opentelemetry/semantic-conventions/incubating'
import type { Work } from '../../ports/tracing.ts'

/** A span as OpenTelemetry's semantic conventions would have it. */
export interface SpanDescription {
  readonly name: string
  readonly kind: SpanKind
  readonly attributes: Attributes
}

/**
 * Names and attributes of a piece of work: https://opentelemetry.io/docs/specs/semconv/http/http-spans/ and
 * https://opentelemetry.io/docs/specs/semconv/messaging/messaging-spans/
 */
export function describe(work: Work): SpanDescription {
  switch (work.kind) {
    case 'request':
      return request(work)
    case 'create':
    case 'publish':
      return {
        name: `${work.kind} ${work.topic}`,
        kind: SpanKind.PRODUCER,
        attributes: {
          ...messaging(work.broker, work.kind, work.kind === 'create' ? 'create' : 'send'),
          [ATTR_MESSAGING_DESTINATION_NAME]: work.topic,
          [ATTR_CLOUDEVENTS_EVENT_TYPE]: work.type,
        },
      }
    case 'relay':
      return {
        name: `relay to ${work.broker}`,
        kind: SpanKind.CLIENT,
        attributes: {
          ...messaging(work.broker, 'relay', 'send'),
          [ATTR_MESSAGING_BATCH_MESSAGE_COUNT]: work.records,
        },
      }
    case 'chunk':
      return {
        name: `chunk ${work.topic}`,
        kind: SpanKind.INTERNAL,
        attributes: { ...consuming(work, 'chunk'), [ATTR_MESSAGING_BATCH_MESSAGE_COUNT]: work.records },
      }
    case 'process':
      return { name: `process ${work.topic}`, kind: SpanKind.CONSUMER, attributes: ofEvent(work, 'process') }
    case 'prepare':
      return { name: `prepare ${work.topic}`, kind: SpanKind.INTERNAL, attributes: ofEvent(work) }
    case 'process-batch':
      return {
        name: `process ${work.topic}`,
        kind: SpanKind.CONSUMER,
        attributes: { ...consuming(work, 'process', 'process'), [ATTR_MESSAGING_BATCH_MESSAGE_COUNT]: work.records },
      }
  }
}

function request({ method, route, path }: Extract<Work, { kind: 'request' }>): SpanDescription {
  return {
    name: route === undefined ? method : `${method} ${route}`,
    kind: SpanKind.SERVER,
    attributes: {
      [ATTR_HTTP_REQUEST_METHOD]: method,
      [ATTR_URL_PATH]: path,
      ...(route !== undefined && { [ATTR_HTTP_ROUTE]: route }),
    },
  }
}

function messaging(broker: string, operation: string, type?: string): Attributes {
  return {
    [ATTR_MESSAGING_SYSTEM]: broker === 'postgres' ? 'postgresql' : broker,
    [ATTR_MESSAGING_OPERATION_NAME]: operation,
    ...(type !== undefined && { [ATTR_MESSAGING_OPERATION_TYPE]: type }),
  }
}

interface Consuming {
  readonly broker: string
  readonly consumer: string
  readonly topic: string
  readonly partition?: number
}

function consuming({ broker, consumer, topic, partition }: Consuming, operation: string, type?: string): Attributes {
  return {
    ...messaging(broker, operation, type),
    [ATTR_MESSAGING_DESTINATION_NAME]: topic,
    [ATTR_MESSAGING_CONSUMER_GROUP_NAME]: consumer,
    ...(partition !== undefined && { [ATTR_MESSAGING_DESTINATION_PARTITION_ID]: String(partition) }),
  }
}

function ofEvent(work: Extract<Work, { kind: 'process' | 'prepare' }>, type?: string): Attributes {
  return {
    ...consuming(work, work.kind, type),
    [ATTR_MESSAGING_MESSAGE_ID]: work.id,
    [ATTR_CLOUDEVENTS_EVENT_TYPE]: work.type,
    ...(work.broker === 'kafka' && { [ATTR_MESSAGING_KAFKA_OFFSET]: work.offset }),
  }
}
