import { describe, expect, test } from 'vitest'
import { Ledger, type Mark } from '../faults/ledger.ts'
import type { Doomed } from './fates.ts'
import { type Evidence, judgeRun, type Letter, type Place } from './verdict.ts'

const stream = 'chaos.direct'
const marks: readonly Mark[] = [
  { stream, key: 'a', n: 0 },
  { stream, key: 'b', n: 0 },
  { stream, key: 'a', n: 1 },
  { stream, key: 'a', n: 2 },
]
const [a0, b0, a1, a2] = marks as [Mark, Mark, Mark, Mark]
const garbage: Place = { topic: stream, partition: 1, offset: 7 }
const doomed: Doomed = { consumer: 'echoes', ...a1 }
const ofDoomed: Letter = { consumer: 'echoes', topic: 'chaos.echoes', partition: 0, offset: 3, mark: a1 }
const ofGarbage: Letter = { consumer: 'marks', ...garbage, mark: undefined }

/** All is as it is to be, but for what is given. */
function judge(evidence: Partial<Evidence>) {
  const ledger = new Ledger()
  for (const mark of marks) {
    ledger.sent(mark)
    ledger.acknowledged(mark)
  }
  return judgeRun(
    { ledgers: new Map([[stream, ledger]]), doomed: [doomed] },
    {
      traces: [],
      deadBefore: [ofDoomed, ofGarbage],
      deadAfter: [ofGarbage],
      undecodable: [garbage],
      foreignConfirmed: 1,
      parked: 0,
      gaps: 0,
      incidents: [],
      ...evidence,
    },
  )
}

function judgeMarks(found: readonly Mark[], mayRepeat = false) {
  const verdict = judge({ traces: [{ where: 'effects', streams: [stream], marks: found, mayRepeat }] })
  const [trace] = verdict.traces
  return { ...trace, errors: verdict.errors }
}

const none = { lost: 0, twice: 0, misordered: 0, unknown: 0 }

describe('marks', () => {
  test('all there, each once, in order of its key: no errors, whatever the order of keys', () => {
    expect(judgeMarks([b0, a0, a1, a2])).toMatchObject({ ...none, count: 4, errors: 0 })
  })

  test('one that is not there is lost', () => {
    expect(judgeMarks([a0, b0, a2])).toMatchObject({ ...none, lost: 1, errors: 1 })
  })

  test('one that is there again is twice', () => {
    expect(judgeMarks([a0, b0, a1, a1, a2])).toMatchObject({ ...none, twice: 1, errors: 1 })
  })

  test('one that comes after a later one of its key is misordered', () => {
    expect(judgeMarks([a0, b0, a2, a1])).toMatchObject({ ...none, misordered: 1, errors: 1 })
  })

  test('one that nobody published is unknown, also of a stream that is not to be there', () => {
    const [other] = [{ stream: 'chaos.outbox', key: 'a', n: 0 }]
    expect(judgeMarks([...marks, { stream, key: 'a', n: 3 }])).toMatchObject({ ...none, unknown: 1, errors: 1 })
    expect(judgeMarks([...marks, other as Mark])).toMatchObject({ ...none, unknown: 1, errors: 1 })
  })

  test('of a topic whose records may repeat, the first time of each counts', () => {
    expect(judgeMarks([a0, b0, a1, a0, a1, a2], true)).toMatchObject({ ...none, errors: 0 })
    expect(judgeMarks([a0, b0, a2, a1, a2], true)).toMatchObject({ ...none, misordered: 1, errors: 1 })
    expect(judgeMarks([a0, a1, a2], true)).toMatchObject({ ...none, lost: 1, errors: 1 })
  })
})

describe('dead letters', () => {
  test('those that are to be there are no errors', () => {
    expect(judge({}).errors).toBe(0)
  })

  test('a hopeless record that was not given up is missing', () => {
    expect(judge({ deadBefore: [ofGarbage] })).toMatchObject({
      letters: [{ missing: 1, unexpected: 0 }, {}, {}],
      errors: 1,
    })
  })

  test('a record that was given up for nothing, or by another consumer, is unexpected', () => {
    const wrong = { ...ofDoomed, mark: a2 }
    expect(judge({ deadBefore: [ofDoomed, ofGarbage, wrong] }).errors).toBe(1)
    expect(judge({ deadBefore: [ofDoomed, ofGarbage, { ...ofDoomed, consumer: 'batches' }] }).errors).toBe(1)
  })

  test('one that is there twice is unexpected', () => {
    expect(judge({ deadBefore: [ofDoomed, ofGarbage, ofGarbage] }).errors).toBe(1)
    expect(judge({ deadAfter: [ofGarbage, ofGarbage] }).errors).toBe(1)
  })

  test('one of an undecodable record that is not there is missing', () => {
    expect(judge({ deadBefore: [ofDoomed] }).errors).toBe(1)
    expect(judge({ deadAfter: [] }).errors).toBe(1)
  })

  test('a refused publish is unexpected', () => {
    expect(judge({ deadBefore: [ofDoomed, ofGarbage, { ...ofDoomed, consumer: 'nobody' }] }).errors).toBe(1)
  })

  test('one of a mark that is left at the end is still dead', () => {
    const verdict = judge({ deadAfter: [ofGarbage, ofDoomed] })
    expect(verdict.errors).toBe(1)
    expect(verdict.others).toContainEqual({ what: 'still dead', count: 1 })
  })
})

test('what is parked, a gap, a lost record of somebody else’s, and an incident are errors', () => {
  expect(judge({ parked: 2 }).errors).toBe(2)
  expect(judge({ gaps: 1 }).errors).toBe(1)
  expect(judge({ foreignConfirmed: 3 }).errors).toBe(2)
  expect(judge({ incidents: ['app 1 ended with 7, unasked'] }).errors).toBe(1)
})
