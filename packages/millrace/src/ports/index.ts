export type {
  AssignedPartition,
  Broker,
  BrokerRecord,
  GroupListener,
  GroupMember,
  GroupOptions,
  LogRange,
  OpenTopic,
  OutgoingRecord,
  PartitionReader,
  ProduceResult,
  RecordHeader,
  TopicDescription,
  TopicSpec,
} from './broker.ts'
export type { AppendedRecords, Bus, BusState, Follower } from './bus.ts'
export type { Count, CounterState, SharedCounter } from './counter.ts'
export type {
  ConnectionShare,
  Database,
  DatabaseFault,
  Lease,
  ShareUsage,
  SlicedTable,
  Transaction,
  TransactionOptions,
} from './database.ts'
export type { SpanPlace, TraceSpan, Tracing, Work } from './tracing.ts'
