import { mkdtemp, readdir, readFile, rm, stat, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect, onTestFinished, test } from 'vitest'
import { keptSecret } from './kept-secret.ts'

async function folder(): Promise<string> {
  const path = await mkdtemp(join(tmpdir(), 'millrace-secret-'))
  onTestFinished(() => rm(path, { recursive: true }))
  return path
}

test('a secret is made once, for this user alone, and then kept', async () => {
  const directory = join(await folder(), 'data')
  const secret = await keptSecret(directory, 'token')
  expect(secret).toMatch(/^[\w-]{43}$/)
  expect(await keptSecret(directory, 'token')).toBe(secret)
  expect(await keptSecret(directory, 'other')).not.toBe(secret)
  expect(await readFile(join(directory, 'token'), 'utf8')).toBe(`${secret}\n`)
  expect((await stat(join(directory, 'token'))).mode & 0o777).toBe(0o600)
  expect((await readdir(directory)).sort()).toEqual(['other', 'token'])
})

test('a file that is empty is none; one that cannot be read is left', async () => {
  const directory = await folder()
  await writeFile(join(directory, 'token'), '\n')
  expect(await keptSecret(directory, 'token')).toMatch(/^[\w-]{43}$/)
  await expect(keptSecret(join(directory, 'token'), 'token')).rejects.toThrow('ENOTDIR')
})
