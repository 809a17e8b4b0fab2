import { expect, test } from 'vitest'
import { type BrokerSuiteOptions, describeBroker } from './suite.ts'

function describing(limits: Record<string, string>): () => void {
  const create: BrokerSuiteOptions['create'] = () => Promise.reject(new Error('not reached'))
  return () => describeBroker('an adapter', { create, sessionTimeoutMs: 1_000, limits })
}

test('a limit needs a reason', () => {
  expect(describing({ 'takes a commit for a hint': ' ' })).toThrow('without a reason')
})

test('only cases of the suite can be limits', () => {
  expect(describing({ 'takes a commit for a promise': 'it is not one' })).toThrow('no case of the suite')
})
