import { expect, test } from 'vitest'
import { integerArray } from './encoding.ts'

test('writes arrays as PostgreSQL reads them', () => {
  expect(integerArray([1, null, -3])).toBe('{1,NULL,-3}')
  expect(integerArray([])).toBe('{}')
})
