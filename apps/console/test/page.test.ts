import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { pathToFileURL } from 'node:url'
import { testBrowser } from '@millrace/tools/browser'
import { defineChannel, defineModule } from 'millrace'
import { selfSigned, testApp } from 'millrace/testing'
import { expect, onTestFinished, test } from 'vitest'
import * as z from 'zod'
import { startApp } from './app.fixture.ts'
import { connectionState, fillCredentials, openTab } from './pages.fixture.ts'

const browser = testBrowser()

async function temporaryFolder(): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), 'millrace-page-'))
  onTestFinished(() => rm(folder, { recursive: true }))
  return folder
}

test('over TLS the page’s policy lets it be live as well', async () => {
  const folder = await temporaryFolder()
  const { cert, key } = selfSigned('localhost')
  const files = { TLS_CERT_FILE: join(folder, 'tls.crt'), TLS_KEY_FILE: join(folder, 'tls.key') }
  await writeFile(files.TLS_CERT_FILE, cert)
  await writeFile(files.TLS_KEY_FILE, key)
  const app = await startApp(files)
  // Programs here do not know the certificate: the browser registers.
  const context = await browser.newContext({ ignoreHTTPSErrors: true, baseURL: app.url })
  const page = await openTab(context, '/console/register')
  await fillCredentials(page, 'ann@example.org', 'correct horse')
  await page.getByRole('button', { name: 'Register' }).click()
  await connectionState(page, 'live').waitFor()
  expect(page.url()).toMatch(/^https:/)
})

const news = defineChannel('news', {
  message: z.object({ type: z.literal('told'), data: z.string() }),
  audience: (user) => user.id,
})

test('a plain page, as documented, is live without a build', async () => {
  const documentation = await readFile(new URL('../../../docs/live.md', import.meta.url), 'utf8')
  const [, code = ''] = /```html\n<script type="module">\n([\s\S]*?)<\/script>/.exec(documentation) ?? []
  expect(code).toContain("import { createLiveClient } from '/ws/client.js'")
  const folder = await temporaryFolder()
  await writeFile(join(folder, 'index.html'), '<!doctype html><script type="module" src="/plain/page.js"></script>')
  await writeFile(
    join(folder, 'page.js'),
    `${code.replace("'tasks'", "'news'")}
    const currentToken = () => 'ann'
    function loadEverything() {}
    function show({ data }) { document.body.append(data) }
    function showStatus(status) { document.title = status }`,
  )
  await using app = await testApp({
    modules: [defineModule({ name: 'news', channels: [news] })],
    http: {
      ...{ host: '127.0.0.1', port: 0, pages: [{ at: '/plain', directory: pathToFileURL(`${folder}/`) }] },
      authenticate: async (token) => ({ id: token, expiresAt: undefined }),
    },
  })
  const page = await openTab(await browser.newContext({ baseURL: app.url }), '/plain')
  await page.waitForFunction(() => document.title === 'live')
  await app.millrace.transaction(async (unit) => unit.push(news, 'bob', { type: 'told', data: 'his' }))
  await app.millrace.transaction(async (unit) => unit.push(news, 'ann', { type: 'told', data: 'hers' }))
  await page.getByText('hers').waitFor()
  expect(await page.locator('body').innerText()).toBe('hers')
})
