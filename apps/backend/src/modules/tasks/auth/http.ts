import { randomUUID } from 'node:crypto'
import {
  type Duration,
  fail,
  limitRequests,
  type Millrace,
  milliseconds,
  type RateLimit,
  type RouteServer,
  type Unit,
} from 'millrace'
import * as z from 'zod'
import { findAccount, insertAccount } from './accounts.ts'
import { account, type Grant, grant, type Login, login, refresh, registration } from './credentials.ts'
import { argon2Passwords, type Passwords } from './passwords.ts'
import { closeSession, openSession, renewSession } from './sessions.ts'

/** An access token, and the seconds until it is worth nothing. */
interface IssuedToken {
  readonly token: string
  readonly expiresIn: number
}

/** How users of the app log in. */
export interface LoginOptions {
  /** Makes the access token of a user. */
  readonly issueToken: (userId: string) => Promise<IssuedToken>
  /** How long a refresh token is good for. */
  readonly refreshLifetime: Duration
  /** For the routes of login together. Default: none. */
  readonly rateLimit?: RateLimit
  /** Attempts to log in to one account, wherever they come from. Default: without a limit. */
  readonly accountLimit?: RateLimit
  /** Default: Argon2id. */
  readonly passwords?: Passwords
}

const schemas = {
  register: {
    summary: 'Register',
    description: 'An e-mail that has an account already is answered 409.',
    body: registration,
    response: { 201: account },
  },
  login: { summary: 'Log in', body: login, response: { 200: grant } },
  refresh: {
    summary: 'Go on with the next access token',
    description:
      'The refresh token is good once. One that comes a second time ends the session: somebody else has it as well.',
    body: refresh,
    response: { 200: grant },
  },
  logout: {
    summary: 'Log out',
    description:
      'Ends the session; access tokens of it are good until they expire. All live connections of the user are closed: those of other sessions come again.',
    body: refresh,
    response: { 204: z.undefined() },
  },
}

/** `POST /auth/register`, `/login`, `/refresh` and `/logout`. */
export async function addLoginRoutes(route: RouteServer, millrace: Millrace, options: LoginOptions): Promise<void> {
  const { rateLimit, passwords = argon2Passwords() } = options
  if (rateLimit) limitRequests(route, rateLimit)
  route.addHook('onRequest', async (_request, reply) => {
    reply.header('cache-control', 'no-store')
  })
  addRegister(route, millrace, passwords)
  route.register(async (route: RouteServer) => addLogin(route, millrace, { ...options, passwords }))
  addSession(route, millrace, options)
}

function addRegister(route: RouteServer, millrace: Millrace, passwords: Passwords): void {
  route.post('/auth/register', { schema: schemas.register }, async ({ body: { email, password } }, reply) => {
    // Before anything is looked up, so that an e-mail that is taken takes as long.
    const passwordHash = await passwords.hash(password)
    const created = await insertAccount(millrace.db, { email, passwordHash })
    if (!created) throw fail('EMAIL_TAKEN', {})
    return reply.code(201).send(created)
  })
}

async function addLogin(
  route: RouteServer,
  millrace: Millrace,
  { issueToken, accountLimit, passwords, refreshLifetime }: LoginOptions & { readonly passwords: Passwords },
): Promise<void> {
  // As many as there are addresses to try from would be too many. Whether there is such an account makes no difference.
  if (accountLimit) limitRequests(route, { ...accountLimit, name: 'logins', by: ({ body }) => (body as Login).email })
  const lifetimeMs = milliseconds(refreshLifetime)
  const nobodysHash = await passwords.hash(randomUUID())
  route.post('/auth/login', { schema: schemas.login }, async ({ body: { email, password } }) => {
    const found = await findAccount(millrace.db, email)
    const matches = await passwords.verify(found?.passwordHash ?? nobodysHash, password)
    if (!found || !matches) throw fail('LOGIN_FAILED', {})
    return grantOf(await issueToken(found.id), await openSession(millrace.db, found.id, lifetimeMs))
  })
}

function addSession(route: RouteServer, millrace: Millrace, { issueToken, refreshLifetime }: LoginOptions): void {
  const lifetimeMs = milliseconds(refreshLifetime)
  route.post('/auth/refresh', { schema: schemas.refresh }, async ({ body }) => {
    const session = await millrace.transaction(async (unit) => {
      const renewed = await renewSession(unit.db, body.refresh_token, lifetimeMs)
      if (renewed && !renewed.refreshToken) closeConnections(unit, millrace, renewed.accountId)
      return renewed
    })
    if (!session?.refreshToken) throw fail('REFRESH_TOKEN_INVALID', {})
    return grantOf(await issueToken(session.accountId), session.refreshToken)
  })

  route.post('/auth/logout', { schema: schemas.logout }, async ({ body }, reply) => {
    await millrace.transaction(async (unit) => {
      const account = await closeSession(unit.db, body.refresh_token)
      if (account) closeConnections(unit, millrace, account)
    })
    return reply.code(204).send()
  })
}

/**
 * Once a session has ended, closes the live connections of its user. Which of them are of that session is not known: those of
 * others come again at once, by tokens that their sessions get.
 */
function closeConnections(unit: Unit, millrace: Millrace, account: string): void {
  unit.afterCommit(() => millrace.live.revoke(account))
}

function grantOf({ token, expiresIn }: IssuedToken, refreshToken: string): Grant {
  return { access_token: token, token_type: 'Bearer', expires_in: expiresIn, refresh_token: refreshToken }
}
