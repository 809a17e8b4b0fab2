import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { text } from 'node:stream/consumers'
import { pathToFileURL } from 'node:url'
import { brotliCompressSync, brotliDecompressSync } from 'node:zlib'
import { describe, expect, onTestFinished, test } from 'vitest'
import { get as overNetwork, serve } from './server.fixture.ts'

const page = '<!doctype html><title>A page</title>'
const script = 'const answer = 42\n'.repeat(100)
const files = {
  'index.html': page,
  'mark.svg': '<svg xmlns="http://www.w3.org/2000/svg"/>',
  'assets/main-abc123.js': script,
  'assets/main-abc123.js.br': brotliCompressSync(script),
  '.hidden': 'secret',
  'assets/.hidden': 'secret',
}

/** Opens a page as a browser does. */
const opening = { accept: 'text/html,application/xhtml+xml,*/*;q=0.8' }

/** A server with pages at `/console`; the folder goes with the test. */
async function start(contents: Readonly<Record<string, string | Buffer>>, options: Parameters<typeof serve>[0] = {}) {
  const folder = await mkdtemp(join(tmpdir(), 'millrace-pages-'))
  onTestFinished(() => rm(folder, { recursive: true }))
  await writeFile(join(folder, 'outside'), 'secret')
  const dist = join(folder, 'dist')
  const write = async (all: typeof contents) => {
    for (const [name, content] of Object.entries(all)) {
      await mkdir(dirname(join(dist, name)), { recursive: true })
      await writeFile(join(dist, name), content)
    }
  }
  await write(contents)
  const pages = [{ at: '/console', directory: pathToFileURL(`${dist}/`) }]
  const { server, lines } = serve({ pages, ...options })
  const get = (url: string, headers: Record<string, string> = {}) => server.inject({ url, headers })
  return { server, get, write, lines }
}

describe('a page', () => {
  test.each(['/console', '/console/', '/console?a=b'])('is at %s, for whoever asks', async (url) => {
    const { get } = await start(files)
    for (const headers of [{}, opening]) {
      const answer = await get(url, headers)
      expect([answer.statusCode, answer.body]).toEqual([200, page])
      expect(answer.headers).toMatchObject({
        'content-type': 'text/html; charset=utf-8',
        'cache-control': 'no-cache',
        'content-security-policy': expect.stringContaining("default-src 'self'"),
      })
    }
  })

  test('is there under every path that a browser opens, and not for what it loads', async () => {
    const { get, server } = await start(files)
    for (const path of ['tasks', 'tasks/1/?a=b', 'a/b.c', 'assetsx']) {
      expect((await get(`/console/${path}`, opening)).body).toBe(page)
      const loaded = await get(`/console/${path}`, { accept: '*/*' })
      expect([loaded.statusCode, loaded.json().code]).toEqual([404, 'ROUTE_NOT_FOUND'])
    }
    expect((await server.inject({ method: 'POST', url: '/console/tasks', headers: opening })).statusCode).toBe(404)
  })

  test('is asked for again, and not sent again', async () => {
    const { get } = await start(files)
    const { headers } = await get('/console', opening)
    const again = await get('/console', { ...opening, 'if-none-match': String(headers['etag']) })
    expect([again.statusCode, again.body]).toEqual([304, ''])
  })

  test('leaves the rest of the server as it is', async () => {
    const { get } = await start(files)
    for (const url of ['/', '/consoles', '/nowhere']) expect((await get(url, opening)).statusCode).toBe(404)
    expect((await get('/things/1')).statusCode).toBe(200)
    expect((await get('/docs/')).statusCode).toBe(200)
    expect(Object.keys((await get('/openapi.json')).json().paths).filter((path) => path.includes('console'))).toEqual(
      [],
    )
  })

  test('answers HEAD', async () => {
    const { server } = await start(files)
    const answer = await server.inject({ method: 'HEAD', url: '/console' })
    expect([answer.statusCode, answer.body, answer.headers['content-length']]).toEqual([200, '', `${page.length}`])
  })
})

describe('what a page loads', () => {
  test('is kept for a year where its name has a hash, and asked for again where it has none', async () => {
    const { get } = await start(files)
    const asset = await get('/console/assets/main-abc123.js')
    expect([asset.statusCode, asset.body]).toEqual([200, script])
    expect(asset.headers).toMatchObject({
      'content-type': expect.stringMatching(/javascript; charset=utf-8$/),
      'cache-control': 'public, max-age=31536000, immutable',
    })
    const mark = await get('/console/mark.svg', { accept: 'image/*' })
    expect(mark.headers).toMatchObject({ 'content-type': 'image/svg+xml', 'cache-control': 'no-cache' })
  })

  test('goes out compressed to whoever takes it', async () => {
    const { get } = await start(files)
    const { rawPayload, headers } = await get('/console/assets/main-abc123.js', { 'accept-encoding': 'gzip, br' })
    expect(headers).toMatchObject({ 'content-encoding': 'br', vary: expect.stringContaining('accept-encoding') })
    expect(headers['content-type']).toMatch(/javascript; charset=utf-8$/)
    expect(String(brotliDecompressSync(rawPayload))).toBe(script)
    // There is no .gz of it.
    const plain = await get('/console/assets/main-abc123.js', { 'accept-encoding': 'gzip' })
    expect([plain.headers['content-encoding'], plain.body]).toEqual([undefined, script])
  })

  test('that is not there is not kept', async () => {
    const { get } = await start(files)
    for (const headers of [{}, opening]) {
      const answer = await get('/console/assets/old-abc123.js', headers)
      expect(answer.json()).toMatchObject({ status: 404, code: 'ROUTE_NOT_FOUND' })
      expect(answer.headers['cache-control']).toBeUndefined()
    }
  })

  test.each([
    ...['assets', 'assets/', '.hidden', 'assets/.hidden', 'assets/%2ehidden', 'assets/../.hidden'],
    ...['../outside', '..%2foutside', '%2e%2e/outside', '%2e%2e%2foutside', '/../outside'],
    ...['assets/../../outside', 'assets/..%2f..%2foutside', 'assets/..\\..\\outside', 'assets/%00'],
  ])('is nothing else: %s', async (path) => {
    const { server } = await start(files)
    onTestFinished(() => server.stop?.())
    await server.start?.()
    for (const headers of [{}, opening]) {
      // As it is: inject would tidy it up.
      const answer = await overNetwork(server.url, '', { path: `/console/${path}`, headers })
      const body = await text(answer)
      expect(body).not.toContain('secret')
      if (body !== page) expect([400, 403, 404]).toContain(answer.statusCode)
    }
  })
})

test('pages that were not built say so, until they are', async () => {
  const { get, write, server, lines } = await start({})
  for (const url of ['/console', '/console/tasks']) {
    const answer = await get(url, opening)
    expect(answer.json()).toMatchObject({
      status: 503,
      code: 'PAGES_NOT_BUILT',
      remedy: expect.stringContaining('npm'),
    })
  }
  expect((await server.inject('/things/1')).statusCode).toBe(200)
  expect(lines.join()).toContain('pages that were not built')
  await write(files)
  expect((await get('/console/tasks', opening)).body).toBe(page)
})

test('pages do not count for the limit of requests: each loads several files, and nobody is known by them', async () => {
  const { get } = await start(files, { rateLimit: { max: 1 } })
  for (let asked = 0; asked < 3; asked += 1) {
    for (const url of ['/console', '/console?a', '/console/mark.svg']) expect((await get(url)).statusCode).toBe(200)
  }
  const others = ['/consoles', '/console-x', '/openapi.json']
  const statuses = []
  for (const url of others) statuses.push((await get(url)).statusCode)
  expect(statuses).toEqual([404, 429, 429])
})

test.each(['', '/', 'console', '/console/', '/:id', '/con*'])('pages cannot be at "%s"', (at) => {
  const directory = new URL('./', import.meta.url)
  expect(() => serve({ pages: [{ at, directory }] })).toThrow(expect.objectContaining({ code: 'DEFINITION_INVALID' }))
})
