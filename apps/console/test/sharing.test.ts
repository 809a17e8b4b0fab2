import { testBrowser } from '@millrace/tools/browser'
import { expect, test } from 'vitest'
import { register, sharedApp } from './app.fixture.ts'
import { complete, create, openAs, remove, rowOf, rows, showAll } from './pages.fixture.ts'

const browser = testBrowser()
const theApp = sharedApp()

test('what a user does in one browser is seen in his other one, and in nobody else’s', async () => {
  const app = theApp()
  const [ann, bob] = [await register(app), await register(app)]
  const [here, there, bobs] = await Promise.all([ann, ann, bob].map((who) => openAs(browser, app, who)))
  if (!here || !there || !bobs) throw new Error('three pages were asked for')

  await create(here, 'tea')
  await rowOf(there, 'tea').waitFor()

  await there.getByRole('button', { name: 'tea', exact: true }).click()
  await there.getByRole('textbox', { name: 'Title' }).fill('green tea')
  await there.getByRole('textbox', { name: 'Description' }).fill('from the hills')
  await there.getByRole('dialog').getByText('High').click()
  await there.getByLabel('Due').fill('2030-03-01T12:00')
  await there.getByRole('button', { name: 'Save' }).click()
  const changed = rowOf(here, 'green tea')
  await changed.getByText('from the hills').waitFor()
  expect(await changed.innerText()).toMatch(/High/)
  expect(await changed.locator('time').getAttribute('datetime')).toBe(new Date('2030-03-01T12:00').toISOString())

  await complete(here, 'green tea')
  await rowOf(there, 'green tea').waitFor({ state: 'detached' })
  await showAll(there)
  await rowOf(there, 'green tea').getByText('Completed').waitFor()

  await remove(there, 'green tea')
  await showAll(here)
  await here.getByText('No tasks yet').waitFor()

  // By the time that he is told of his own, he would have been told of hers.
  await app.ask('POST', '/api/tasks', { token: ann.token, body: { title: 'hers' } })
  await app.ask('POST', '/api/tasks', { token: bob.token, body: { title: 'his' } })
  await Promise.all([rowOf(here, 'hers').waitFor(), rowOf(bobs, 'his').waitFor()])
  expect(await rows(bobs).count()).toBe(1)
  await rowOf(there, 'hers').waitFor()
})

test('a form says when the task was changed elsewhere, and keeps what it was not asked to change', async () => {
  const app = theApp()
  const ann = await register(app)
  const { body } = await app.ask('POST', '/api/tasks', { token: ann.token, body: { title: 'tea' } })
  const page = await openAs(browser, app, ann)
  await page.getByRole('button', { name: 'tea', exact: true }).click()
  await page.getByRole('textbox', { name: 'Title' }).fill('green tea')
  await app.ask('PATCH', `/api/tasks/${body['id']}`, { token: ann.token, body: { priority: 'high' } })
  await page.getByText('It was changed elsewhere meanwhile').waitFor()
  await page.getByRole('button', { name: 'Save' }).click()
  await rowOf(page, 'green tea').waitFor()
  const { body: after } = await app.ask('GET', `/api/tasks/${body['id']}`, { token: ann.token })
  expect(after).toMatchObject({ title: 'green tea', priority: 'high' })
})
