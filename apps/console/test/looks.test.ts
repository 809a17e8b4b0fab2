import { testBrowser } from '@millrace/tools/browser'
import type { Page } from 'playwright-core'
import { describe, expect, test } from 'vitest'
import { type Account, type RunningApp, register, sharedApp } from './app.fixture.ts'
import { lowContrasts } from './contrast.fixture.ts'
import { complete, create, openAs, openTab, remove, rowOf, rows, signIn } from './pages.fixture.ts'

const browser = testBrowser()
const theApp = sharedApp()
const phone = { width: 360, height: 740 }

async function createMany(app: RunningApp, { token }: Account, count: number): Promise<void> {
  const numbers = Array.from({ length: count }, (_, index) => index)
  const workers = Array.from({ length: 8 }, async () => {
    for (let number = numbers.pop(); number !== undefined; number = numbers.pop()) {
      const body = { title: `task ${number}`, priority: number % 2 === 0 ? 'high' : 'low' }
      await app.ask('POST', '/api/tasks', { token, body })
    }
  })
  await Promise.all(workers)
}

async function withExamples() {
  const app = theApp()
  const ann = await register(app)
  const token = ann.token
  const late = { title: 'late', priority: 'high', description: 'since yesterday', due_date: '2020-01-01T00:00:00Z' }
  for (const body of [late, { title: 'plain' }, { title: 'low', priority: 'low' }]) {
    await app.ask('POST', '/api/tasks', { token, body })
  }
  return { app, ann }
}

describe.each(['light', 'dark'] as const)('in %s', (colorScheme) => {
  test('all texts can be read', async () => {
    const { app, ann } = await withExamples()
    const page = await openTab(await browser.newContext({ baseURL: app.url, colorScheme }))
    await signIn(page, { ...ann, password: 'wrong' })
    await page.getByRole('alert').waitFor()
    expect(await lowContrasts(page)).toEqual([])
    await signIn(page, ann)
    await complete(page, 'plain')
    await page.getByText(/^All/).click()
    await rowOf(page, 'plain').getByText('Completed').waitFor()
    expect(await lowContrasts(page)).toEqual([])
    await page.getByRole('button', { name: 'More for “late”' }).click()
    await page.getByRole('menuitem', { name: 'Delete' }).waitFor()
    expect(await lowContrasts(page)).toEqual([])
    await page.getByRole('menuitem', { name: 'Delete' }).click()
    await page.getByRole('dialog').getByText('will be deleted').waitFor()
    expect(await lowContrasts(page)).toEqual([])
  })
})

test('a theme that was chosen is there again, before anything else is', async () => {
  const { app, ann } = await withExamples()
  const page = await openAs(browser, app, ann, { colorScheme: 'light' })
  const scheme = () => page.evaluate(() => document.documentElement.dataset['mantineColorScheme'])
  expect(await scheme()).toBe('light')
  await page.getByRole('button', { name: 'Theme' }).click()
  await page.getByRole('menuitemradio', { name: 'Dark' }).click()
  expect(await scheme()).toBe('dark')
  // Before the page's own script: what there is to be painted is dark.
  await page.route('**/assets/*.js', (route) => route.abort())
  await page.reload()
  expect(await scheme()).toBe('dark')
})

test('works by keyboard alone: the focus is never lost', async () => {
  const { app, ann } = await withExamples()
  const page = await openAs(browser, app, ann)
  const focused = () =>
    page.evaluate(() => document.activeElement?.getAttribute('aria-label') ?? document.activeElement?.textContent)
  await page.keyboard.press('Tab')
  expect(await focused()).toBe('To the content')
  await page.getByRole('button', { name: 'New task' }).focus()
  await page.keyboard.press('Enter')
  await page.getByRole('dialog').waitFor()
  await expect.poll(() => page.evaluate(() => document.activeElement?.getAttribute('data-path'))).toBe('title')
  await page.keyboard.type('by keyboard')
  await page.keyboard.press('Enter')
  await rowOf(page, 'by keyboard').waitFor()
  await expect.poll(focused).toBe('New task')

  await page.getByRole('button', { name: 'Complete “by keyboard”' }).focus()
  await page.keyboard.press('Space')
  await rowOf(page, 'by keyboard').waitFor({ state: 'detached' })
  expect(await focused()).toBe('Tasks')
  await page.keyboard.press('Tab')
  expect(await focused()).toBe('Complete “low”')

  await page.getByRole('button', { name: 'More for “low”' }).press('Enter')
  await page.getByRole('menuitem', { name: 'Delete' }).press('Enter')
  await page.getByRole('dialog', { name: 'Delete task' }).waitFor()
  await page.keyboard.press('Escape')
  await expect.poll(focused).toBe('More for “low”')
  await remove(page, 'low')
  await rowOf(page, 'low').waitFor({ state: 'detached' })
  await expect.poll(focused).toBe('Tasks')
  for (const title of ['plain', 'late']) await complete(page, title)
  await page.getByText('No such tasks').waitFor()
  expect(await focused()).toBe('Tasks')
})

test('fits a phone', async () => {
  const { app, ann } = await withExamples()
  await app.ask('POST', '/api/tasks', {
    token: ann.token,
    body: { title: 'unbroken'.repeat(20), due_date: '2030-12-30T22:22:00Z' },
  })
  const page = await openAs(browser, app, ann, { viewport: phone })
  await rowOf(page, 'late').waitFor()
  expect(await isTooWide(page)).toBe(false)
  await page.getByRole('button', { name: 'late', exact: true }).click()
  await page.getByRole('dialog').waitFor()
  expect(await isTooWide(page)).toBe(false)
  await page.getByRole('button', { name: 'Cancel' }).click()
  // Out of sight, it is not there for the keyboard either.
  const link = page.getByRole('link', { name: 'Tasks' })
  const canBeFocused = () =>
    link.evaluate((link) => {
      link.focus()
      return document.activeElement === link
    })
  expect(await canBeFocused()).toBe(false)
  await page.getByRole('button', { name: 'Pages' }).click()
  expect(await canBeFocused()).toBe(true)
  await link.click()
  await expect.poll(canBeFocused).toBe(false)
})

function isTooWide(page: Page): Promise<boolean> {
  return page.evaluate(() => document.documentElement.scrollWidth > window.innerWidth)
}

test('of very many tasks some are shown, and the others on demand; all are live', async () => {
  const app = theApp()
  const ann = await register(app)
  await createMany(app, ann, 1_050)
  const page = await openAs(browser, app, ann)
  await page.getByText('Open 1,050').waitFor()
  expect(await rows(page).count()).toBe(100)
  await page.getByRole('button', { name: 'Show 100 more of 950' }).click()
  await expect.poll(() => rows(page).count()).toBe(200)
  await page.setViewportSize(phone)
  await expect.poll(() => isTooWide(page)).toBe(false)
  await page.mouse.wheel(0, 3000)
  // The title stays, and what it says of the connection.
  await expect.poll(() => page.evaluate(() => window.scrollY)).toBeGreaterThan(2_000)
  const bar = await page.getByRole('heading', { name: 'Tasks' }).boundingBox()
  expect(bar?.y).toBeLessThan(100)
  expect(bar?.y).toBeGreaterThan(50)
  await create(page, 'one more')
  await page.getByText('Open 1,051').waitFor()
  await page.getByRole('combobox', { name: 'Priority' }).click()
  await page.getByRole('option', { name: 'High' }).click()
  await page.getByText('Open 525').waitFor()
  expect(new URL(page.url()).search).toBe('?priority=high')
  const { body } = await app.ask('GET', '/api/tasks?limit=1000&priority=high', { token: ann.token })
  const oldest = (body['items'] as { id: string }[]).at(-1)
  await app.ask('PATCH', `/api/tasks/${oldest?.id}`, { token: ann.token, body: { priority: 'low' } })
  await page.getByText('Open 524').waitFor()
})
