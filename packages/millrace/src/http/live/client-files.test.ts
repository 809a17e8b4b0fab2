import { execFile } from 'node:child_process'
import { mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { promisify } from 'node:util'
import { expect, onTestFinished, test } from 'vitest'
import { until } from '../../../test/faults/until.ts'
import type { createLiveClient } from '../../client/index.ts'
import { authenticate } from '../../live/channels.fixture.ts'
import { count, liveApp } from '../../live/live.fixture.ts'
import type { TestApp } from '../../testing/index.ts'

const documentation = new URL('../../../../../docs/live.md', import.meta.url)
const importsIn = (text: string) => [...text.matchAll(/(?:import|from) '(\.[^']+)'/g)].map(([, path = '']) => path)

/** What a browser loads for a path, by path. */
async function loaded(app: TestApp, path: string, all = new Map<string, string>()): Promise<Map<string, string>> {
  const { statusCode, headers, body } = await app.http.get(path)
  expect([path, statusCode, headers['content-type']]).toEqual([path, 200, 'text/javascript; charset=utf-8'])
  all.set(path, body)
  for (const specifier of importsIn(body)) {
    const { pathname } = new URL(specifier, new URL(path, 'http://app'))
    if (!all.has(pathname)) await loaded(app, pathname, all)
  }
  return all
}

/** The client as it is served. Its files have names by which Node takes them for JavaScript and nothing else. */
async function servedClient(app: TestApp): Promise<typeof createLiveClient> {
  const folder = await mkdtemp(join(tmpdir(), 'millrace-client-'))
  onTestFinished(() => rm(folder, { recursive: true }))
  const javaScript = (path: string) => path.replace(/\.ts$/, '.mjs').replace(/\.js$/, '.mjs')
  for (const [path, text] of await loaded(app, '/ws/client.js')) {
    const file = join(folder, javaScript(path))
    await mkdir(dirname(file), { recursive: true })
    await writeFile(
      file,
      text.replaceAll(/'(\.[^']+)'/g, (_, specifier: string) => `'${javaScript(specifier)}'`),
    )
  }
  return ((await import(join(folder, 'ws/client.mjs'))) as { createLiveClient: typeof createLiveClient })
    .createLiveClient
}

test('the plain page of the documentation, with the client that the app serves', async () => {
  const [, code = ''] =
    /```html\n<script type="module">\n([\s\S]*?)<\/script>/.exec(await readFile(documentation, 'utf8')) ?? []
  await using app = await liveApp()
  const shown: number[] = []
  const statuses: string[] = []
  const serve = await servedClient(app)
  const page = {
    createLiveClient: ({ token }: Parameters<typeof createLiveClient>[0]) => {
      const live = serve({ token, url: app.url })
      onTestFinished(() => live.close())
      return live
    },
    currentToken: () => 'anna',
    show: (message: { readonly data: { readonly n: number } }) => shown.push(message.data.n),
    loadEverything: () => shown.push(-1),
    showStatus: (status: string) => statuses.push(status),
  }
  expect(code).toContain("import { createLiveClient } from '/ws/client.js'")
  const source = code.replace(/import .*\n/, '').replace("'tasks'", "'counts'")
  new Function(...Object.keys(page), source)(...Object.values(page))
  await until('it is live', () => statuses.at(-1) === 'live')
  await count(app, 'anna', [1, 2])
  await until('both have come', () => shown.length === 2)
  expect([shown, statuses]).toEqual([
    [1, 2],
    ['connecting', 'live'],
  ])
})

test('browsers keep the files, and ask whether they are still the same', async () => {
  await using app = await liveApp()
  for (const path of (await loaded(app, '/ws/client.js')).keys()) {
    const { headers } = await app.http.get(path)
    const etag = String(headers.etag)
    expect(headers['cache-control']).toBe('no-cache')
    const ask = async (has: string) =>
      (await app.http.request({ method: 'GET', url: path, headers: { 'if-none-match': has } })).statusCode
    expect([await ask(etag), await ask(`W/${etag}`), await ask(`"a", ${etag}`), await ask('"a"')]).toEqual([
      304, 304, 304, 200,
    ])
    expect((await app.http.request({ method: 'HEAD', url: path })).statusCode).toBe(200)
  }
})

test('there are these files and no others', async () => {
  await using app = await liveApp()
  const files = await loaded(app, '/ws/client.js')
  expect(files.size).toBeGreaterThan(10)
  const paths = ['page.fixture.ts', 'client.test.ts', '..%2fhttp%2fserver.ts', '../http/server.ts', 'none.ts', '']
  for (const path of paths) expect((await app.http.get(`/ws/client/${path}`)).statusCode).toBe(404)
  expect((await app.http.post('/ws/client.js')).statusCode).toBe(404)
  expect((await app.http.get('/openapi.json')).json().paths).not.toHaveProperty('/ws/client.js')
})

test('pages of origins that may read answers may load them; they count against no limit', async () => {
  const corsOrigins = ['https://console.example']
  await using app = await liveApp({
    http: { host: '127.0.0.1', port: 0, authenticate, corsOrigins, rateLimit: { max: 1 } },
  })
  const from = (origin: string) => app.http.request({ method: 'GET', url: '/ws/client.js', headers: { origin } })
  expect((await from('https://console.example')).headers['access-control-allow-origin']).toBe('https://console.example')
  expect((await from('https://other.example')).headers['access-control-allow-origin']).toBeUndefined()
  for (let times = 0; times < 5; times += 1) expect((await app.http.get('/ws/client/index.ts')).statusCode).toBe(200)
})

test('reading them says nothing on standard error', async () => {
  const module = new URL('./client-files.ts', import.meta.url)
  const source = `const { clientFiles } = await import('${module}'); process.stdout.write(String(clientFiles().length > 10))`
  expect(await promisify(execFile)(process.execPath, ['--input-type=module', '-e', source])).toEqual({
    stdout: 'true',
    stderr: '',
  })
})
