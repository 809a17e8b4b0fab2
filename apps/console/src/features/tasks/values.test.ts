import type { Task } from '@millrace/backend/src/modules/tasks/task.ts'
import { describe, expect, test } from 'vitest'
import { dueOf, fromLocal, toLocal } from './due.ts'
import { filterOf, fits } from './filter.ts'
import { changesOf, fieldsOf, valuesOf } from './task-form.ts'

const tea = {
  ...{ title: 'tea', description: 'green', priority: 'medium', due_date: '2026-03-01T12:00:30.000Z' },
  ...{ completed: false },
} as Task

describe('a filter', () => {
  test.each([
    [{}, {}],
    [
      { show: 'all', priority: 'high', x: 1 },
      { show: 'all', priority: 'high' },
    ],
    [{ show: 'open', priority: null }, {}],
    [{ show: ['all'], priority: { a: 1 } }, {}],
  ])('of %j is %j', (search, filter) => {
    expect(filterOf(search)).toEqual(filter)
  })

  test('has the open ones unless it says otherwise', () => {
    const done = { ...tea, completed: true }
    expect([fits(tea, {}), fits(done, {})]).toEqual([true, false])
    expect([fits(tea, { show: 'completed' }), fits(done, { show: 'completed' })]).toEqual([false, true])
    expect([fits(tea, { show: 'all', priority: 'low' }), fits(done, { show: 'all', priority: 'medium' })]).toEqual([
      false,
      true,
    ])
  })
})

describe('a form', () => {
  test('says of a task what was put in', () => {
    const values = { title: ' tea ', description: ' ', priority: 'low', due_date: '' } as const
    expect(fieldsOf(values)).toEqual({ title: 'tea', description: null, priority: 'low', due_date: null })
  })

  test('changes what was changed in it, and nothing else', () => {
    const before = valuesOf(tea)
    // The seconds that a field does not show stay.
    expect(changesOf(before, before)).toEqual({})
    expect(changesOf(before, { ...before, description: '' })).toEqual({ description: null })
    expect(changesOf(before, { ...before, due_date: '2026-03-02T10:00' })).toEqual({
      due_date: new Date('2026-03-02T10:00').toISOString(),
    })
  })
})

describe('a due date', () => {
  const now = new Date(2026, 2, 1, 12)
  const at = (...parts: [number, number, number, number]) => new Date(...parts).toISOString()

  test.each([
    [at(2026, 2, 1, 18), 'today', false],
    [at(2026, 2, 1, 9), 'today', true],
    [at(2026, 2, 2, 0), 'tomorrow', false],
    [at(2026, 1, 28, 23), 'yesterday', true],
  ])('%s is %s', (date, day, isOverdue) => {
    const due = dueOf(date, now, false)
    expect(due.text).toMatch(new RegExp(`^${day}, .*\\d`))
    expect(due.isOverdue).toBe(isOverdue)
  })

  test('that is further away is a day; the year is said where it is another one', () => {
    expect(dueOf(at(2026, 5, 9, 9), now, false).text).not.toContain('2026')
    expect(dueOf(at(2027, 5, 9, 9), now, false).text).toContain('2027')
  })

  test('of what is done is not late', () => {
    expect(dueOf(at(2020, 1, 1, 1), now, true).isOverdue).toBe(false)
  })

  test('goes into a field and out of it', () => {
    expect(fromLocal(toLocal('2026-03-01T12:00:00.000Z'))).toBe('2026-03-01T12:00:00.000Z')
    expect([toLocal(null), fromLocal('')]).toEqual(['', null])
  })
})
