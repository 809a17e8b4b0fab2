import '@mantine/core/styles.css'
import '@mantine/notifications/styles.css'
import './main.css'
import { QueryClient } from '@tanstack/react-query'
import { RouterProvider } from '@tanstack/react-router'
import { StrictMode } from 'react'
import { createRoot } from 'react-dom/client'
import { Providers } from './app/providers.tsx'
import { createConsoleRouter } from './app/router.tsx'
import { Api } from './data/api.ts'
import { createLive } from './data/live.ts'
import { send } from './data/request.ts'
import { Session } from './data/session.ts'

const session = new Session({ send, storage: localStorage, locks: navigator.locks, tabs: window })
const data = { session, api: new Api(session, send), live: createLive(session) }
const queries = new QueryClient({
  // That there is no network is told by what fails: nothing waits for it unseen.
  defaultOptions: { queries: { networkMode: 'always' }, mutations: { networkMode: 'always' } },
})
// Nothing of one user is left where another one follows.
session.subscribeUser(() => queries.clear())
const router = createConsoleRouter(session)

const root = document.getElementById('root')
if (!root) throw new Error('index.html has no #root')
createRoot(root).render(
  <StrictMode>
    <Providers data={data} queries={queries}>
      <RouterProvider router={router} />
    </Providers>
  </StrictMode>,
)
