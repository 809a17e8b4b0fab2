import { expect, test } from 'vitest'
import { frameOf } from './frames.ts'

test.each([
  ['{"type":"connected","at":"a"}', { type: 'connected', at: 'a' }],
  ['{"type":"reset","reason":"expired","at":"a"}', { type: 'reset', reason: 'expired', at: 'a' }],
  ['{"type":"pong","at":"a"}', { type: 'pong', at: 'a' }],
  ['{"type":"pong"}', { type: 'pong', at: undefined }],
  ['{"type":"authenticated"}', { type: 'authenticated' }],
  ['{"type":"told","data":1,"at":"a"}', { type: 'update', at: 'a', message: { type: 'told', data: 1 } }],
  ['{"type":"told","at":"a"}', { type: 'update', at: 'a', message: { type: 'told' } }],
])('%s is understood', (text, frame) => {
  expect(frameOf(text)).toEqual(frame)
})

test.each([
  'pong',
  '',
  'null',
  '[]',
  '1',
  '{}',
  '{"type":"told"}',
  '{"type":"connected","at":1}',
  '{"type":',
  new Blob(),
])('%j is nothing that a client has to know', (data) => {
  expect(frameOf(data)).toBeUndefined()
})
