import { Agent } from 'node:https'
import { join } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import { expect, onTestFinished, test } from 'vitest'
import { selfSigned } from '../testing/self-signed.ts'
import { serve } from './server.fixture.ts'
import { getSecurely, nameOf, tlsFiles } from './tls.fixture.ts'

async function start(name: string) {
  const { files, write } = await tlsFiles(selfSigned(name))
  const { server, lines } = serve({ tls: { ...files, checkEvery: 10 } })
  await server.start?.()
  onTestFinished(async () => server.stop?.())
  const url = `${server.url}/health/live`
  const said = async (text: string) => {
    while (!lines.some((line) => line.includes(text))) await delay(5)
  }
  return { url, write, said, lines }
}

test('HTTPS is served from files, and answers promise to stay with it', async () => {
  const { url } = await start('first')
  expect(url).toMatch(/^https:/)
  const answer = await getSecurely(url)
  expect([answer.statusCode, nameOf(answer)]).toEqual([200, 'first'])
  expect(answer.headers['strict-transport-security']).toBe('max-age=15552000')
})

test('new files are taken for new connections; those that are there stay', async () => {
  const { url, write, said } = await start('first')
  const kept = new Agent({ keepAlive: true, maxSockets: 1, rejectUnauthorized: false })
  onTestFinished(() => kept.destroy())
  const before = await getSecurely(url, kept)
  const { socket } = before
  await write(selfSigned('second'))
  await said('the TLS certificate was changed')
  expect(nameOf(await getSecurely(url))).toBe('second')
  const after = await getSecurely(url, kept)
  expect([after.statusCode, after.socket === socket]).toEqual([200, true])
})

test('files that cannot be used are told of once, and the certificate before stays', async () => {
  const { url, write, said, lines } = await start('first')
  const second = selfSigned('second')
  await write({ cert: second.cert })
  await said('could not be changed')
  expect(nameOf(await getSecurely(url))).toBe('first')
  await write({ cert: 'nothing of the kind' })
  while (lines.filter((line) => line.includes('could not be changed')).length < 2) await delay(5)
  expect(nameOf(await getSecurely(url))).toBe('first')
  // A key that was written after its certificate is no problem for long.
  await write(second)
  await said('the TLS certificate was changed')
  expect(nameOf(await getSecurely(url))).toBe('second')
  expect(lines.filter((line) => line.includes('could not be changed'))).toHaveLength(2)
})

test('a file that is emptied before it is written anew changes nothing until then', async () => {
  const { url, write, said, lines } = await start('first')
  const second = selfSigned('second')
  for (const emptied of [{ cert: '' }, { cert: '', key: '' }, { key: second.key }]) {
    await write(emptied)
    await delay(50)
    expect(nameOf(await getSecurely(url))).toBe('first')
  }
  await write(second)
  await said('the TLS certificate was changed')
  expect(lines.filter((line) => line.includes('could not be changed'))).toEqual([])
})

test('files that do not fit are refused at the start, and named', async () => {
  const { files, write } = await tlsFiles(selfSigned('first'))
  const refused = expect.objectContaining({ code: 'TLS_FILES_INVALID', message: expect.stringContaining('tls.crt') })
  await write({ key: selfSigned('second').key })
  expect(() => serve({ tls: files })).toThrow(refused)
  await write({ key: '' })
  expect(() => serve({ tls: files })).toThrow(refused)
  expect(() => serve({ tls: { ...files, keyFile: join(files.certFile, 'none') } })).toThrow(refused)
})
