import { Base } from '@platformatic/kafka'
import { fail, type MillraceError } from '../../core/errors.ts'
import { sizeOf } from '../../core/record-size.ts'
import type { Entry } from './call.ts'
import { closeClient, onceOnly } from './client.ts'
import type { KafkaConfig } from './config.ts'
import { apiError, apiProblem, brokerError, problemOf } from './errors.ts'
import { Identities } from './identities.ts'
import type { Identity, Lane, Trouble } from './lane.ts'
import { isWritable, type ProduceParts, requestsFor, type Sending, sendBatches } from './produce-request.ts'
import type { KafkaTopics } from './topics.ts'
import { type PartitionAnswer, type Verdict, verdictOf } from './verdict.ts'

const firstRestMs = 50
const longestRestMs = 1_000
/** After how long without getting through it is said. */
const toldAfterMs = 5_000
/** How long a topic must be gone to count as gone: a broker may hear of a new one later than others. */
const goneAfterMs = 5_000
/** How often a record must arrive broken to count as broken itself. */
const brokenAttempts = 3
/** Each lane has one request under way: no need to count them again for each connection. */
const maxInflights = 10_000

/**
 * Sends what lanes have: one request takes a batch of each lane that is ready for the same broker, as a broker answers
 * the requests of a connection one after the other.
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
  /** For lanes in trouble: what one of them waits for, as replicas, is not to hold up the others. */
  readonly #sideClient: Base
  readonly #identities = new Identities()
  readonly #ready = new Set<Lane>()
  readonly #resting = new Map<Lane, NodeJS.Timeout>()
  #stopped = false

  constructor(config: KafkaConfig, topics: KafkaTopics) {
    this.#config = config
    this.#topics = topics
    const options = onceOnly({ ...config.client, maxInflights })
    this.#client = new Base(options)
    this.#sideClient = new Base(options)
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
    for (const [isTroubled, some] of Map.groupBy(lanes, ({ trouble }) => trouble !== undefined)) {
      this.#dispatch(some, isTroubled ? this.#sideClient : this.#client)
    }
  }

  #dispatch(lanes: readonly Lane[], client: Base): void {
    const leaderOf = ({ topic, partition }: Lane) => this.#topics.knownLeaders(topic)?.[partition] ?? -1
    for (const [leader, led] of Map.groupBy(lanes, leaderOf)) {
      if (leader >= 0) void this.#sendTo(leader, led, client)
      else for (const lane of led) void this.#findLeader(lane)
    }
  }

  async #findLeader(lane: Lane): Promise<void> {
    const { topic, partition } = lane
    try {
      const leader = (await this.#topics.leadersOf(topic))[partition]
      if (leader === undefined) this.#failed(lane, fail('TOPIC_UNKNOWN', { topic }))
      else if (leader >= 0) this.#next(lane)
      else {
        this.#topics.forget(topic)
        this.#rest(lane, `${topic}/${partition} has no leader`)
      }
    } catch (error) {
      this.#failed(lane, brokerError(error, { topic }))
    }
  }

  async #sendTo(leader: number, lanes: readonly Lane[], client: Base): Promise<void> {
    try {
      const address = this.#topics.addressOf(leader)
      if (!address) throw new Error(`broker ${leader} is not known`)
      const connection = await client.connections.get(address)
      const identity = await this.#identities.get(client, connection)
      if (this.#stopped) return
      const parts = { client, connection, timeoutMs: this.#config.client.timeout ?? 0 }
      // From here on, what is taken from the lanes counts as handed over.
      const sendings = lanes.flatMap((lane) => this.#takeFrom(lane, identity))
      for (const request of requestsFor(sendings)) void this.#send(request, parts)
    } catch (error) {
      for (const lane of lanes) {
        this.#topics.forget(lane.topic)
        this.#failed(lane, brokerError(error, { topic: lane.topic }))
      }
    }
  }

  #takeFrom(lane: Lane, newIdentity: Identity): Sending[] {
    const batch = lane.take(newIdentity)
    if (batch) return [{ lane, batch, identity: lane.identity ?? newIdentity }]
    if (lane.trouble) lane.trouble.unknownSince = undefined
    this.#next(lane)
    return []
  }

  async #send(sendings: readonly Sending[], parts: ProduceParts): Promise<void> {
    let answers: ReadonlyMap<string, PartitionAnswer> = new Map()
    let problem = 'the broker left a partition out of its answer'
    try {
      answers = await sendBatches(sendings, parts)
    } catch (error) {
      problem = problemOf(error)
    }
    if (this.#stopped) return
    for (const sending of sendings) {
      const { lane } = sending
      const answer = answers.get(lane.name)
      if (answer) this.#judge(lane, verdictOf(answer, lane.topic))
      else if (isWritable(sending)) this.#judge(lane, { kind: 'unsettled', problem })
      else this.#refuse(lane, () => fail('RECORD_REFUSED', { topic: lane.topic, problem }), false)
    }
  }

  #judge(lane: Lane, verdict: Verdict): void {
    switch (verdict.kind) {
      case 'taken':
        lane.took(verdict.firstOffset)
        this.#gotThrough(lane)
        this.#next(lane)
        break
      case 'refused':
        this.#refused(lane, verdict)
        break
      case 'closed':
        lane.unsettled()
        this.#topics.forget(lane.topic)
        this.#failed(lane, verdict.error)
        break
      case 'not taken':
        lane.notTaken()
        this.#rest(lane, verdict.problem)
        break
      case 'unsettled':
        lane.unsettled()
        this.#topics.forget(lane.topic)
        this.#rest(lane, verdict.problem)
        break
      case 'identity lost':
        lane.unsettled()
        this.#spend(lane)
        this.#rest(lane, verdict.problem)
        break
      case 'unclear':
        // Its callers give up some day: then it is dropped, and its sequence is nobody's.
        lane.notTaken()
        this.#spend(lane)
        this.#rest(lane, verdict.problem)
        break
    }
  }

  #refused(lane: Lane, { apiId, said, error }: Extract<Verdict, { kind: 'refused' }>): void {
    if (apiId === 'CORRUPT_MESSAGE' && (lane.trouble?.attempts ?? 0) < brokenAttempts) {
      // The network may have broken it.
      lane.notTaken()
      this.#rest(lane, apiProblem(apiId, said))
      return
    }
    const errorFor = ({ record }: Entry) => apiError(apiId, { topic: lane.topic, size: sizeOf(record), said }) ?? error
    this.#refuse(lane, errorFor, error.code === 'RECORD_TOO_LARGE')
  }

  #refuse(lane: Lane, errorFor: (entry: Entry) => Error, isTooLarge: boolean): void {
    this.#settle(lane)
    lane.refused(errorFor, isTooLarge)
    this.#next(lane)
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
    const trouble = troubleOf(lane)
    trouble.unknownSince ??= performance.now()
    return performance.now() - trouble.unknownSince > goneAfterMs
  }

  #rest(lane: Lane, problem: string): void {
    if (this.#stopped) return
    this.#config.faults.produce += 1
    const trouble = troubleOf(lane)
    trouble.attempts += 1
    trouble.problem = problem
    this.#tell(lane, trouble)
    const restMs = Math.min(firstRestMs * 2 ** (trouble.attempts - 1), longestRestMs)
    const wake = () => {
      this.#resting.delete(lane)
      this.#next(lane)
    }
    this.#resting.set(lane, setTimeout(wake, restMs))
  }

  #next(lane: Lane): void {
    lane.isBusy = false
    if (lane.hasMore) this.wake(lane)
  }

  #tell({ topic, partition }: Lane, trouble: Trouble): void {
    if (trouble.isTold || performance.now() - trouble.since < toldAfterMs) return
    trouble.isTold = true
    this.#config.logger.warn({ topic, partition, problem: trouble.problem }, 'records do not get through; trying again')
  }

  #gotThrough(lane: Lane): void {
    const { topic, partition, trouble } = lane
    lane.trouble = undefined
    if (trouble?.isTold) this.#config.logger.info({ topic, partition }, 'records get through again')
  }

  /** What is refused now may have been taken at an attempt before, under other settings. */
  #settle(lane: Lane): void {
    if (lane.isUnsettled) this.#spend(lane)
  }

  #spend(lane: Lane): void {
    lane.dropIdentity()
    this.#identities.spend()
  }
}

function troubleOf(lane: Lane): Trouble {
  lane.trouble ??= { since: performance.now(), attempts: 0, problem: '', isTold: false, unknownSince: undefined }
  return lane.trouble
}
