// #region test
import { createLogger, defineModule } from 'millrace'
import { testApp } from 'millrace/testing'
import { expect, test } from 'vitest'
import { bind } from '../../apps/backend/src/database.ts'
import { NotificationRequested } from '../../apps/backend/src/modules/notifications/events.ts'
import { notifications } from '../../apps/backend/src/modules/notifications/module.ts'
import { signups, welcomeUsers } from './add-a-consumer.ts'

// #region module
const signupsModule = defineModule({ name: 'signups', topics: [signups], consumers: [welcomeUsers] })
// #endregion module

const logger = createLogger({ level: 'silent' })
const modules = [signupsModule, notifications({ sender: { kind: 'log' }, batchWait: 0, logger })]

test('whoever signs up is welcomed, once, whatever else is in the topic', async () => {
  await using t = await testApp({ modules, bind })
  const lines = ['{"user_id":"ada","name":"Ada"}', 'no JSON', '{"user_id":"bob"}', '{"user_id":"eve","name":"Eve"}']
  for (const line of lines) await t.produce({ topic: 'signups', value: Buffer.from(line) })
  await t.settled()
  const welcomes = await t.published(NotificationRequested)
  expect(welcomes.map(({ data }) => data.content).toSorted()).toEqual(['Welcome, Ada!', 'Welcome, Eve!'])
  const { items } = (await t.http.get('/notifications?user_id=ada')).json()
  expect(items).toMatchObject([{ event: 'welcome', content: 'Welcome, Ada!', state: 'sent' }])
  const { rows } = await t.database.query('SELECT code FROM millrace.dead_letter ORDER BY code')
  expect(rows).toEqual([{ code: 'RECORD_INVALID' }, { code: 'RECORD_UNDECODABLE' }])
})
// #endregion test
