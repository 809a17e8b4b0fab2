import {
  Base,
  type Connection,
  type initProducerIdV5,
  NumericMap,
  type produceV11,
  protocolErrors,
} from '@platformatic/kafka'
import { fail, type MillraceError } from '../../core/errors.ts'
import { sizeOf } from '../../core/record-size.ts'
import type { Entry } from './call.ts'
import { answerTo, closeClient, onceOnly, requestOf } from './client.ts'
import type { KafkaConfig } from './config.ts'
import { apiError, apiIdOfCode, apiProblem, brokerError, problemOf } from './errors.ts'
import type { Identity, Lane, LaneBatch, Trouble } from './lane.ts'
import type { KafkaTopics } from './topics.ts'

/** A request has so many bytes, or one batch more. */
const mostRequestBytes = 8 * 1024 * 1024
const allReplicas = -1
const firstRestMs = 50
const longestRestMs = 1_000
/** After how long without getting through it is said. */
const toldAfterMs = 5_000
/** How long a topic must be gone to count as gone: a broker may hear of a new one later than others. */
const goneAfterMs = 5_000
/** How often a record must arrive broken to count as broken itself. */
const brokenAttempts = 3

/** Answers after which nothing of a batch is in the log. Others may come when it was written and then something failed. */
const beforeAppend = new Set(['NOT_ENOUGH_REPLICAS', 'THROTTLING_QUOTA_EXCEEDED'])
/** The broker lost what it knew of a producer, as when its log lost its end. */
const stateLost = new Set([
  'OUT_OF_ORDER_SEQUENCE_NUMBER',
  'UNKNOWN_PRODUCER_ID',
  'INVALID_PRODUCER_EPOCH',
  'INVALID_PRODUCER_ID_MAPPING',
  'PRODUCER_FENCED',
])

type ProduceRequest = produceV11.ProduceRequest
type ProduceAnswer = produceV11.ProduceResponse
type PartitionAnswer = produceV11.ProduceResponsePartition

interface Sending {
  readonly lane: Lane
  readonly identity: Identity
  readonly batch: LaneBatch
}

/**
 * Sends what lanes have: one request takes a batch of each lane that is ready for the same broker, as its answer to one
 * is what it begins the next after.
 *
 * The requests are made here, not by the library's `Producer`: after any refusal that one throws away its producer id and
 * sequences for all partitions, and a batch under way to another may then go with the old id and sequence 0, which the
 * broker can take for a repetition of the first batch it ever got, and acknowledge without writing it. It also sends
 * the partitions of a request on to where the first one's leader has moved, and stops all of a topic while one of its
 * partitions has no leader.
 */
export class Sender {
  readonly #config: KafkaConfig
  readonly #topics: KafkaTopics
  readonly #client: Base
  /**
   * For lanes in trouble: a broker answers the requests of a connection one after the other, and one may wait for
   * replicas until its time-out.
   */
  readonly #sideClient: Base
  readonly #ready = new Set<Lane>()
  readonly #resting = new Map<Lane, NodeJS.Timeout>()
  #identity: Promise<Identity> | undefined
  #problem = ''
  #stopped = false

  constructor(config: KafkaConfig, topics: KafkaTopics) {
    this.#config = config
    this.#topics = topics
    // Each lane has one request under way: no need to count them again for each connection.
    const options = onceOnly({ ...config.client, maxInflights: 10_000 })
    this.#client = new Base(options)
    this.#sideClient = new Base(options)
  }

  /** The latest reason why something did not get through. */
  get problem(): string {
    return this.#problem
  }

  /** A lane has something to send. */
  wake(lane: Lane): void {
    if (lane.isBusy || this.#stopped) return
    lane.isBusy = true
    if (this.#ready.size === 0) queueMicrotask(() => this.#flush())
    this.#ready.add(lane)
  }

  async stop(): Promise<void> {
    this.#stopped = true
    for (const timer of this.#resting.values()) clearTimeout(timer)
    this.#resting.clear()
    await Promise.all([closeClient(this.#client), closeClient(this.#sideClient)])
  }

  #flush(): void {
    const lanes = [...this.#ready]
    this.#ready.clear()
    this.#dispatch(
      lanes.filter(({ trouble }) => !trouble),
      this.#client,
    )
    this.#dispatch(
      lanes.filter(({ trouble }) => trouble),
      this.#sideClient,
    )
  }

  #dispatch(lanes: readonly Lane[], client: Base): void {
    const leaderOf = ({ topic, partition }: Lane) => this.#topics.knownLeaders(topic)?.[partition] ?? -1
    for (const [leader, led] of Map.groupBy(lanes, leaderOf)) {
      if (leader >= 0) void this.#sendTo(leader, led, client)
      else for (const lane of led) void this.#findLeader(lane)
    }
  }

  async #findLeader(lane: Lane): Promise<void> {
    try {
      const leaders = await this.#topics.leadersOf(lane.topic)
      const leader = leaders[lane.partition]
      if (leader === undefined) this.#failed(lane, fail('TOPIC_UNKNOWN', { topic: lane.topic }))
      else if (leader >= 0) this.#next(lane)
      else {
        this.#topics.forget(lane.topic)
        this.#rest(lane, `${lane.topic}/${lane.partition} has no leader`)
      }
    } catch (error) {
      this.#failed(lane, brokerError(error, lane))
    }
  }

  async #sendTo(leader: number, lanes: readonly Lane[], client: Base): Promise<void> {
    try {
      const connection = await this.#connect(leader, client)
      const request = await requestOf<ProduceRequest, ProduceAnswer>(client, 'Produce')
      const identity = await this.#identityAt(connection)
      if (this.#stopped) return
      const sendings = lanes.flatMap((lane) => this.#takeFrom(lane, identity))
      for (const group of groupsOf(sendings)) void this.#send(connection, request, group)
    } catch (error) {
      for (const lane of lanes) {
        this.#topics.forget(lane.topic)
        this.#failed(lane, brokerError(error, lane))
      }
    }
  }

  async #connect(broker: number, client: Base): Promise<Connection> {
    const address = this.#topics.addressOf(broker)
    if (!address) throw new Error(`broker ${broker} is not known`)
    return client.connections.get(address)
  }

  #takeFrom(lane: Lane, newIdentity: Identity): Sending[] {
    const batch = lane.take(newIdentity)
    if (batch) return [{ lane, batch, identity: lane.identity ?? newIdentity }]
    if (lane.trouble) lane.trouble.unknownSince = undefined
    this.#next(lane)
    return []
  }

  async #send(
    connection: Connection,
    request: Awaited<ReturnType<typeof requestOf<ProduceRequest, ProduceAnswer>>>,
    sendings: readonly Sending[],
  ): Promise<void> {
    const messages = sendings.flatMap(({ batch }) => batch.messages)
    const sequences = new NumericMap(sendings.map(({ lane }) => [lane.name, lane.sequence]))
    const options = { ...sendings[0]?.identity, sequences }
    let answers: ReadonlyMap<string, PartitionAnswer> = new Map()
    let problem = 'the broker left a partition out of its answer'
    try {
      const timeout = this.#config.client.timeout
      answers = byLane(await answerTo(request.async(connection, allReplicas, timeout, messages, options)))
    } catch (error) {
      problem = problemOf(error)
    }
    if (this.#stopped) return
    for (const { lane } of sendings) {
      const answer = answers.get(lane.name)
      if (answer) this.#answered(lane, answer)
      else this.#notAnswered(lane, problem)
    }
  }

  #answered(lane: Lane, { errorCode, baseOffset, errorMessage, recordErrors }: PartitionAnswer): void {
    if (errorCode === 0) {
      lane.took(Number(baseOffset))
      this.#gotThrough(lane)
      this.#next(lane)
      return
    }
    const apiId = apiIdOfCode(errorCode)
    // Of several records the first one's fault is told; the record that is refused in the end stands alone.
    const said = recordErrors?.[0]?.batchIndexErrorMessage ?? errorMessage ?? undefined
    const problem = apiProblem(apiId, said)
    const final = apiError(apiId, { topic: lane.topic, said })
    if (stateLost.has(apiId)) {
      lane.unsettled()
      this.#spend(lane)
      this.#rest(lane, problem)
    } else if (final) this.#refused(lane, final, apiId, said)
    else if (beforeAppend.has(apiId)) {
      lane.notTaken()
      this.#rest(lane, problem)
    } else if (mayPass(apiId)) this.#notAnswered(lane, problem)
    else {
      // Nobody says whether it was written. Its callers give up some day, and then nothing is to be held up by it.
      lane.notTaken()
      this.#spend(lane)
      this.#rest(lane, problem)
    }
  }

  #notAnswered(lane: Lane, problem: string): void {
    lane.unsettled()
    this.#topics.forget(lane.topic)
    this.#rest(lane, problem)
  }

  #refused(lane: Lane, error: MillraceError, apiId: string, said: string | undefined): void {
    if (error.code === 'TOPIC_UNKNOWN') {
      lane.unsettled()
      this.#topics.forget(lane.topic)
      this.#failed(lane, error)
    } else if (error.code === 'TOPIC_NOT_ALLOWED') this.#failed(lane, error)
    else if (apiId === 'CORRUPT_MESSAGE' && (lane.trouble?.attempts ?? 0) < brokenAttempts) {
      lane.notTaken()
      this.#rest(lane, apiProblem(apiId, said))
    } else {
      const errorFor = ({ record }: Entry) =>
        apiError(apiId, { topic: lane.topic, size: sizeOf(record), said }) ?? error
      this.#settle(lane)
      lane.refused(errorFor, error.code === 'RECORD_TOO_LARGE')
      this.#next(lane)
    }
  }

  /** Nothing can be sent to a lane as things are. */
  #failed(lane: Lane, error: MillraceError): void {
    if (error.code === 'TOPIC_UNKNOWN' && !this.#isGone(lane)) this.#rest(lane, error.message)
    else if (error.code === 'TOPIC_UNKNOWN' || error.code === 'TOPIC_NOT_ALLOWED') {
      this.#settle(lane)
      lane.giveUp(error)
      this.#gotThrough(lane)
      this.#next(lane)
    } else this.#rest(lane, problemOf(error.cause ?? error))
  }

  #isGone(lane: Lane): boolean {
    const trouble = this.#troubleOf(lane)
    trouble.unknownSince ??= performance.now()
    return performance.now() - trouble.unknownSince > goneAfterMs
  }

  #rest(lane: Lane, problem: string): void {
    if (this.#stopped) return
    this.#problem = problem
    const trouble = this.#troubleOf(lane)
    trouble.attempts += 1
    this.#tell(lane, trouble)
    const timer = setTimeout(
      () => {
        this.#resting.delete(lane)
        this.#next(lane)
      },
      Math.min(firstRestMs * 2 ** (trouble.attempts - 1), longestRestMs),
    )
    this.#resting.set(lane, timer)
  }

  #next(lane: Lane): void {
    lane.isBusy = false
    if (lane.hasMore) this.wake(lane)
  }

  #troubleOf(lane: Lane): Trouble {
    lane.trouble ??= { since: performance.now(), attempts: 0, isTold: false, unknownSince: undefined }
    return lane.trouble
  }

  #tell({ topic, partition }: Lane, trouble: Trouble): void {
    if (trouble.isTold || performance.now() - trouble.since < toldAfterMs) return
    trouble.isTold = true
    this.#config.logger.warn({ topic, partition, problem: this.#problem }, 'records do not get through; trying again')
  }

  #gotThrough(lane: Lane): void {
    const { topic, partition, trouble } = lane
    lane.trouble = undefined
    if (trouble?.isTold) this.#config.logger.info({ topic, partition }, 'records get through again')
  }

  /** New identities are for all lanes that need one; what a lane goes with it keeps. */
  #identityAt(connection: Connection): Promise<Identity> {
    this.#identity ??= this.#newIdentity(connection).catch((error: unknown) => {
      this.#identity = undefined
      throw error
    })
    return this.#identity
  }

  async #newIdentity(connection: Connection): Promise<Identity> {
    const request = await requestOf<initProducerIdV5.InitProducerIdRequest, initProducerIdV5.InitProducerIdResponse>(
      this.#client,
      'InitProducerId',
    )
    const { producerId, producerEpoch } = await request.async(
      connection,
      null,
      this.#config.client.timeout ?? 0,
      -1n,
      -1,
    )
    return { producerId, producerEpoch }
  }

  /** What is refused now may have been taken at an attempt before, under other settings. */
  #settle(lane: Lane): void {
    if (lane.isUnsettled) this.#spend(lane)
  }

  /** The lane is to get an identity that it has not had. */
  #spend(lane: Lane): void {
    lane.dropIdentity()
    this.#identity = undefined
  }
}

/** Whether an answer is one that passes by itself. */
function mayPass(apiId: string): boolean {
  const known: Readonly<Record<string, { readonly canRetry: boolean }>> = protocolErrors
  return known[apiId]?.canRetry === true
}

/** A request has one identity, and is bounded. */
function groupsOf(sendings: readonly Sending[]): Sending[][] {
  const groups: Sending[][] = []
  for (const ofOne of Map.groupBy(sendings, ({ identity }) => identity).values()) {
    let bytes = mostRequestBytes
    for (const sending of ofOne) {
      if (bytes >= mostRequestBytes) {
        groups.push([])
        bytes = 0
      }
      groups.at(-1)?.push(sending)
      bytes += sending.batch.bytes
    }
  }
  return groups
}

function byLane({ responses }: ProduceAnswer): ReadonlyMap<string, PartitionAnswer> {
  return new Map(
    responses.flatMap(({ name, partitionResponses }) =>
      partitionResponses.map((answer) => [`${name}:${answer.index}`, answer] as const),
    ),
  )
}
