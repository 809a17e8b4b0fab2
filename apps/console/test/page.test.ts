import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { testBrowser } from '@millrace/tools/browser'
import { selfSigned } from 'millrace/testing'
import { expect, onTestFinished, test } from 'vitest'
import { startApp } from './app.fixture.ts'
import { connectionState, fillCredentials, openTab } from './pages.fixture.ts'

const browser = testBrowser()

test('over TLS the page’s policy lets it be live as well', async () => {
  const folder = await mkdtemp(join(tmpdir(), 'millrace-tls-'))
  onTestFinished(() => rm(folder, { recursive: true }))
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
