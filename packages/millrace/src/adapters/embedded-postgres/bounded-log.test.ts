import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { BoundedLog } from './bounded-log.ts'
import { temporaryFolder } from './testbed.fixture.ts'

test('keeps the newest lines, in two files of bounded size', async () => {
  const file = join(await temporaryFolder(), 'log')
  const log = new BoundedLog(file, 100)
  for (let line = 0; line < 100; line++) log.write(Buffer.from(`line ${line}\n`))
  const kept = (await readFile(`${file}.1`, 'utf8')) + (await readFile(file, 'utf8'))

  expect(kept.length).toBeLessThanOrEqual(2 * 110)
  expect(kept.endsWith('line 98\nline 99\n')).toBe(true)
})

test('goes on where the file of the last time ended', async () => {
  const file = join(await temporaryFolder(), 'log')
  new BoundedLog(file, 100).write(Buffer.from('one\n'))
  new BoundedLog(file, 100).write(Buffer.from('two\n'))

  expect(await readFile(file, 'utf8')).toBe('one\ntwo\n')
})
