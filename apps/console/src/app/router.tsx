import { Anchor } from '@mantine/core'
import { createRootRouteWithContext, createRoute, createRouter, Link, Outlet, redirect } from '@tanstack/react-router'
import { lazy } from 'react'
import type { Session } from '../data/session.ts'
import { RegisterPage } from '../features/session/register-page.tsx'
import { SignInPage } from '../features/session/sign-in-page.tsx'
import { filterOf } from '../features/tasks/filter.ts'
import { NotFound, PageFailed } from './fallbacks.tsx'
import { Shell } from './shell.tsx'

const rootRoute = createRootRouteWithContext<{ readonly session: Session }>()({ component: Outlet })

interface From {
  readonly from?: string
}

/** Where somebody was when he had to sign in: a path of the console, and nothing else that an address may say. */
const fromOf = ({ from }: Record<string, unknown>): From =>
  typeof from === 'string' && /^\/(?![/\\])/.test(from) ? { from } : {}

/** Who is signed in is taken to where he wanted to go. What the address has besides comes along unchecked, by the router. */
const takeOn = ({ context, search }: { readonly context: { readonly session: Session }; readonly search: From }) => {
  if (context.session.user) throw redirect({ href: fromOf({ ...search }).from ?? '/' })
}

const signInRoute = createRoute({
  getParentRoute: () => rootRoute,
  path: '/sign-in',
  validateSearch: fromOf,
  beforeLoad: takeOn,
  component: () => {
    const search = fromOf({ ...signInRoute.useSearch() })
    return (
      <SignInPage
        register={<Anchor renderRoot={(props) => <Link to="/register" search={search} {...props} />}>Register</Anchor>}
      />
    )
  },
})

const registerRoute = createRoute({
  getParentRoute: () => rootRoute,
  path: '/register',
  validateSearch: fromOf,
  beforeLoad: takeOn,
  component: () => {
    const search = fromOf({ ...registerRoute.useSearch() })
    return (
      <RegisterPage
        signIn={<Anchor renderRoot={(props) => <Link to="/sign-in" search={search} {...props} />}>Sign in</Anchor>}
      />
    )
  },
})

/** All pages of a user: whoever is not signed in does that first, and comes back. */
const signedInRoute = createRoute({
  getParentRoute: () => rootRoute,
  id: 'signed-in',
  beforeLoad: ({ context, location }) => {
    if (!context.session.user) throw redirect({ to: '/sign-in', search: { from: location.href } })
  },
  component: Shell,
})

const indexRoute = createRoute({
  getParentRoute: () => signedInRoute,
  path: '/',
  beforeLoad: () => {
    throw redirect({ to: '/tasks' })
  },
})

const TasksPage = lazy(async () => ({ default: (await import('../features/tasks/tasks-page.tsx')).TasksPage }))

const tasksRoute = createRoute({
  getParentRoute: () => signedInRoute,
  path: '/tasks',
  validateSearch: filterOf,
  component: () => {
    const navigate = tasksRoute.useNavigate()
    const filter = filterOf({ ...tasksRoute.useSearch() })
    return <TasksPage filter={filter} onFilter={(search) => void navigate({ search, replace: true })} />
  },
})

const routeTree = rootRoute.addChildren([
  signInRoute,
  registerRoute,
  signedInRoute.addChildren([indexRoute, tasksRoute]),
])

/** Where the console is: pages by path, below `/console`. */
export function createConsoleRouter(session: Session) {
  const router = createRouter({
    routeTree,
    basepath: import.meta.env.BASE_URL,
    context: { session },
    defaultNotFoundComponent: NotFound,
    defaultErrorComponent: PageFailed,
  })
  session.subscribeUser(() => void router.invalidate())
  return router
}

declare module '@tanstack/react-router' {
  interface Register {
    router: ReturnType<typeof createConsoleRouter>
  }
}
