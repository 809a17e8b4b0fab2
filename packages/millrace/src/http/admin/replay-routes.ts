import type { RouteServer } from '../routes.ts'
import { consumerParams } from './consumer-schemas.ts'
import {
  type ReplayBegun,
  type ReplayCommand,
  type ReplayItem,
  type ReplayPage,
  type ReplayQuery,
  replay,
  replayBegun,
  replayCancel,
  replayPage,
  replayParams,
  replayQuery,
  replayRequest,
} from './replay-schemas.ts'
import { type SeekAnswer, type SeekCommand, seekOutcome, seekRequest } from './seek-schemas.ts'

/** Where the routes that move consumers, and have them replay, get their answers. */
export interface ReplaySource {
  /** @throws CONSUMER_NOT_HERE, REQUEST_INVALID, OFFSET_OUTSIDE_LOG */
  seek(name: string, command: SeekCommand): Promise<SeekAnswer>
  /** @throws CONSUMER_NOT_HERE, REQUEST_INVALID, OFFSET_OUTSIDE_LOG, REPLAY_RUNNING */
  beginReplay(name: string, command: ReplayCommand): Promise<ReplayBegun>
  replays(query: ReplayQuery): Promise<ReplayPage>
  /** @throws REPLAY_UNKNOWN */
  replay(id: string): Promise<ReplayItem>
  /** @throws REPLAY_UNKNOWN, REPLAY_ENDED */
  cancelReplay(id: string, by: string | undefined): Promise<ReplayItem>
}

const common = { tags: ['admin'], security: [{ adminToken: [] }] }

/** Adds them; they are the operators’. */
export function addReplayRoutes(server: RouteServer, source: ReplaySource): void {
  const ofConsumer = { ...common, params: consumerParams }
  server.post(
    '/consumers/:name/seek',
    {
      schema: {
        ...ofConsumer,
        summary: 'Move a consumer: what it comes to again is handled again',
        body: seekRequest,
        response: { 200: seekOutcome },
      },
    },
    (request) => source.seek(request.params.name, request.body),
  )
  server.post(
    '/consumers/:name/replays',
    {
      schema: {
        ...ofConsumer,
        summary: 'Have a consumer handle past records once more, beside what it goes on with',
        body: replayRequest,
        response: { 200: replayBegun },
      },
    },
    (request) => source.beginReplay(request.params.name, request.body),
  )
  server.get(
    '/replays',
    {
      schema: {
        ...common,
        summary: 'Replays, the latest first',
        querystring: replayQuery,
        response: { 200: replayPage },
      },
    },
    (request) => source.replays(request.query),
  )
  const ofReplay = { ...common, params: replayParams, response: { 200: replay } }
  server.get('/replays/:id', { schema: { ...ofReplay, summary: 'One replay, and how far it is' } }, (request) =>
    source.replay(request.params.id),
  )
  server.post(
    '/replays/:id/cancel',
    { schema: { ...ofReplay, summary: 'End a replay; what it has done stays', body: replayCancel } },
    (request) => source.cancelReplay(request.params.id, request.body?.by),
  )
}
