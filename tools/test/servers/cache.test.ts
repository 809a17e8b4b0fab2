import { mkdir, readFile, rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { expect, onTestFinished, test, vi } from 'vitest'
import { cached, cacheFolder } from '../../src/servers/cache.ts'

function testCache(name: string) {
  const make = vi.fn((folder: string) => writeFile(join(folder, 'made'), 'whole'))
  const folder = join(cacheFolder, `test-${process.pid}-${name}`)
  onTestFinished(async () => {
    for (const suffix of ['', '.lock', '.new']) await rm(`${folder}${suffix}`, { recursive: true, force: true })
  })
  const isWhole = async () => (await readFile(join(folder, 'made'), 'utf8')) === 'whole'
  return { folder, make, get: () => cached({ name: `test-${process.pid}-${name}`, make, isWhole }) }
}

test('makes a folder once, whoever asks', async () => {
  const { folder, make, get } = testCache('once')

  expect(await Promise.all([get(), get(), get()])).toEqual([folder, folder, folder])
  expect(make).toHaveBeenCalledTimes(1)
})

test('goes on after a process that was killed while it made the folder', async () => {
  const { folder, get } = testCache('killed')
  await mkdir(`${folder}.new`, { recursive: true })
  await writeFile(join(`${folder}.new`, 'half'), '')
  await writeFile(`${folder}.lock`, '2147483647')

  expect(await readFile(join(await get(), 'made'), 'utf8')).toBe('whole')
})

test('makes again what is not whole', async () => {
  const { folder, make, get } = testCache('again')
  await get()
  await writeFile(join(folder, 'made'), 'damaged')
  await get()

  expect(make).toHaveBeenCalledTimes(2)
  expect(await readFile(join(folder, 'made'), 'utf8')).toBe('whole')
})

test('does not keep what could not be made, nor its lock', async () => {
  const { make, get } = testCache('failed')
  make.mockRejectedValueOnce(new Error('no room'))

  await expect(get()).rejects.toThrow('no room')
  await get()
  expect(make).toHaveBeenCalledTimes(2)
})
