import { expect, test } from 'vitest'
import { regionOf } from '../src/generate-guides.ts'

const source = `import x
function f() {
  // #region outer
  const a = 1

  // #region inner
    const b = 2
  // #endregion inner
  // #endregion outer
}
`

test('a region is what stands between its marks, without the marks of others, moved to the left', () => {
  expect(regionOf(source, 'outer')).toBe('const a = 1\n\n  const b = 2')
  expect(regionOf(source, 'inner')).toBe('const b = 2')
})

test('a region that is not there, or does not end, is none', () => {
  expect(regionOf(source, 'other')).toBeUndefined()
  expect(regionOf('// #region open\ncode', 'open')).toBeUndefined()
})
