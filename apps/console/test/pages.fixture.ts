import { complaintsOf, type TestBrowser } from '@millrace/tools/browser'
import type { BrowserContext, BrowserContextOptions, Locator, Page } from 'playwright-core'
import { expect, onTestFinished } from 'vitest'
import type { Account, RunningApp } from './app.fixture.ts'

/** What a browser says by itself where a server refuses, is away, or closes, as these tests make it. */
const expected = /^Failed to load resource:|^WebSocket connection to/

/** A tab at an address of the console. What it complains of fails the test: a policy that is not kept, what is thrown. */
export async function openTab(context: BrowserContext, path = '/console'): Promise<Page> {
  const page = await context.newPage()
  const complaints = complaintsOf(page)
  onTestFinished(() => expect(complaints.filter((one) => !expected.test(one))).toEqual([]))
  await page.goto(path)
  return page
}

/** A browser in which somebody has signed in, and the page is live. */
export async function openAs(
  browser: TestBrowser,
  app: RunningApp,
  account: Account,
  options: BrowserContextOptions = {},
): Promise<Page> {
  const context = await browser.newContext({ baseURL: app.url, ...options })
  const page = await openTab(context)
  await signIn(page, account)
  await connectionState(page, 'live').waitFor()
  return page
}

/** Fills in the form of the page for signing in. */
export async function signIn(page: Page, { email, password }: Pick<Account, 'email' | 'password'>): Promise<void> {
  await fillCredentials(page, email, password)
  await page.getByRole('button', { name: 'Sign in' }).click()
}

/** Fills in an e-mail and a password. */
export async function fillCredentials(page: Page, email: string, password: string): Promise<void> {
  await page.getByRole('textbox', { name: 'E-mail' }).fill(email)
  await page.getByRole('textbox', { name: 'Password' }).fill(password)
}

/** What the page says of its connection. */
export function connectionState(page: Page, status: string): Locator {
  return page.locator(`[role=status][data-status=${status}]`)
}

/** The rows of the list. */
export function rows(page: Page): Locator {
  return page.getByRole('list', { name: 'Tasks' }).getByRole('listitem')
}

/** The row of a task. */
export function rowOf(page: Page, title: string): Locator {
  return rows(page).filter({ has: page.getByRole('button', { name: title, exact: true }) })
}

/** Creates a task, as far as pressing the button. */
export async function create(page: Page, title: string): Promise<void> {
  await page.getByRole('button', { name: 'New task' }).click()
  await page.getByRole('textbox', { name: 'Title' }).fill(title)
  await page.getByRole('button', { name: 'Create' }).click()
}

/** Presses the button that completes a task. */
export function complete(page: Page, title: string): Promise<void> {
  return page.getByRole('button', { name: `Complete “${title}”` }).click()
}

/** Deletes a task, and says so once more. */
export async function remove(page: Page, title: string): Promise<void> {
  await page.getByRole('button', { name: `More for “${title}”` }).click()
  await page.getByRole('menuitem', { name: 'Delete' }).click()
  await page.getByRole('dialog').getByRole('button', { name: 'Delete' }).click()
}

/** Shows completed tasks as well. */
export function showAll(page: Page): Promise<void> {
  return page.getByText(/^All/).click()
}
