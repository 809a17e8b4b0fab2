import { testBrowser } from '@millrace/tools/browser'
import type { Page } from 'playwright-core'
import { describe, expect, test } from 'vitest'
import { register, sharedApp, startApp } from './app.fixture.ts'
import { connectionState, create, fillCredentials, openAs, openTab, rowOf, signIn } from './pages.fixture.ts'

const browser = testBrowser()
const theApp = sharedApp()

/** What the browser keeps of the session. */
function keptIn(page: Page): Promise<string | null> {
  return page.evaluate(() => localStorage.getItem('millrace.session'))
}

describe('signing in', () => {
  test('fails in so many words, with the code and the request that the log has', async () => {
    const app = theApp()
    const ann = await register(app)
    const page = await openTab(await browser.newContext({ baseURL: app.url }))
    await signIn(page, { ...ann, password: 'wrong' })
    const alert = page.getByRole('alert')
    await alert.waitFor()
    expect(await alert.innerText()).toMatch(/do not belong together.*LOGIN_FAILED.*[\da-f]{8}-[\da-f]{4}/s)
    expect(await keptIn(page)).toBeNull()

    await page.getByRole('link', { name: 'Register' }).click()
    await page.getByRole('heading', { name: 'Register' }).waitFor()
    await fillCredentials(page, 'bob', 'short')
    await page.getByRole('button', { name: 'Register' }).click()
    await page.getByText('Must be an e-mail address').waitFor()
    await page.getByText('Must have at least 8 characters').waitFor()
    expect(await page.getByRole('textbox', { name: 'E-mail' }).getAttribute('aria-invalid')).toBe('true')

    await fillCredentials(page, ann.email, 'long enough')
    await page.getByRole('button', { name: 'Register' }).click()
    await page.getByRole('alert').getByText('has an account already').waitFor()
    await fillCredentials(page, `bob-${ann.email}`, 'long enough')
    await page.getByRole('button', { name: 'Register' }).click()
    await connectionState(page, 'live').waitFor()
  })

  test('leads back to where somebody wanted to go', async () => {
    const app = theApp()
    const ann = await register(app)
    await app.ask('POST', '/api/tasks', { token: ann.token, body: { title: 'tea', priority: 'high' } })
    const page = await openTab(
      await browser.newContext({ baseURL: app.url }),
      '/console/tasks?show=all&priority=high&x=1',
    )
    await page.getByRole('heading', { name: 'Sign in' }).waitFor()
    await page.reload()
    await signIn(page, ann)
    await rowOf(page, 'tea').waitFor()
    const { pathname, searchParams } = new URL(page.url())
    expect([pathname, searchParams.get('show'), searchParams.get('priority')]).toEqual([
      '/console/tasks',
      'all',
      'high',
    ])
    expect(await page.getByRole('radio', { name: /^All/ }).isChecked()).toBe(true)

    for (const elsewhere of [
      'https://elsewhere.example',
      '//elsewhere.example',
      '/\\elsewhere.example',
      'javascript:0',
    ]) {
      await page.goto(`/console/sign-in?from=${encodeURIComponent(elsewhere)}`)
      await rowOf(page, 'tea').waitFor()
    }
    expect(new URL(page.url()).origin).toBe(app.url)
    await page.goto('/console/no/such/page')
    await page.getByText('There is no such page').waitFor()
    await page.getByRole('link', { name: 'To the first page' }).click()
    await rowOf(page, 'tea').waitFor()
  })
})

describe('a session', () => {
  test('is one for all tabs: they take turns in fetching its tokens, and end together', async () => {
    const app = await startApp({ ACCESS_TOKEN_LIFETIME: '2s' })
    const ann = await register(app)
    const first = await openAs(browser, app, ann)
    const tabs = [first, await openTab(first.context()), await openTab(first.context())]
    const fetched = new Set([await keptIn(first)])
    for (let round = 0; round < 3; round += 1) {
      // All at once, when the token they have is about to expire.
      await first.waitForFunction((last) => localStorage.getItem('millrace.session') !== last, [...fetched].at(-1))
      fetched.add(await keptIn(first))
      await Promise.all(tabs.map((tab, index) => create(tab, `task ${round}-${index}`)))
      for (const tab of tabs) await rowOf(tab, `task ${round}-2`).waitFor()
    }
    expect(fetched.size).toBeGreaterThanOrEqual(4)

    const [, second, third] = tabs
    await second?.getByRole('button', { name: 'Account' }).click()
    await second?.getByText(ann.email).waitFor()
    await second?.getByRole('menuitem', { name: 'Sign out' }).click()
    for (const tab of [first, second, third]) await tab?.getByRole('heading', { name: 'Sign in' }).waitFor()
    expect(await keptIn(first)).toBeNull()
  })

  test('that was ended elsewhere is one to sign in again for, at once', async () => {
    const app = theApp()
    const ann = await register(app)
    const page = await openAs(browser, app, ann)
    const { refreshToken } = JSON.parse((await keptIn(page)) ?? '{}')
    await app.ask('POST', '/api/auth/logout', { body: { refresh_token: refreshToken } })
    await page.getByRole('heading', { name: 'Sign in' }).waitFor()
    await signIn(page, ann)
    await connectionState(page, 'live').waitFor()
  })

  test('of another user leaves nothing of the one before to be seen', async () => {
    const app = theApp()
    const [ann, bob] = [await register(app), await register(app)]
    await app.ask('POST', '/api/tasks', { token: ann.token, body: { title: 'hers' } })
    await app.ask('POST', '/api/tasks', { token: bob.token, body: { title: 'his' } })
    const page = await openAs(browser, app, ann)
    await rowOf(page, 'hers').waitFor()
    const other = await openAs(browser, app, bob)
    await rowOf(other, 'his').waitFor()
    // As a sign-in in another tab leaves it.
    const tab = await openTab(page.context())
    await tab.evaluate((kept) => localStorage.setItem('millrace.session', kept ?? ''), await keptIn(other))
    await rowOf(page, 'his').waitFor()
    expect(await rowOf(page, 'hers').count()).toBe(0)
    await app.ask('POST', '/api/tasks', { token: bob.token, body: { title: 'his too' } })
    await rowOf(page, 'his too').waitFor()
  })
})
