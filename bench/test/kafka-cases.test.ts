import { describe, test } from 'vitest'
import { cases } from '../src/cases/index.ts'
import { expectFigures, timeout } from './tiny-round.ts'

describe.concurrent('one round of every case on Kafka gives every figure', { timeout }, () => {
  test.each(cases.filter(({ needs }) => needs === 'kafka'))('$name', expectFigures)
})
