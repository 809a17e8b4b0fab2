import * as z from 'zod'

const email = z
  .string()
  .max(254, 'must not be longer than 254 characters')
  .trim()
  .toLowerCase()
  .pipe(z.email('must be an e-mail address'))
  .describe('Case does not matter')

const longestPassword = 200

/** What somebody registers with. Length is all that is asked of a password: rules about its characters make worse ones. */
export const registration = z.object({
  email,
  password: z.string().min(8, 'must have at least 8 characters').max(longestPassword),
})

/** What somebody logs in with. */
export const login = z.object({ email, password: z.string().max(longestPassword) })

/** Somebody who logs in, or tries to. */
export type Login = z.output<typeof login>

/** What a session goes on with, and ends with. */
export const refresh = z.object({ refresh_token: z.string().max(200) })

/** Somebody who has registered. */
export const account = z.object({ id: z.uuid(), email: z.email() })

/** What a login is good for. */
export const grant = z.object({
  access_token: z.string().describe('`Authorization: Bearer …`, until it expires'),
  token_type: z.literal('Bearer'),
  expires_in: z.int().describe('Seconds'),
  refresh_token: z.string().describe('Good for one refresh, which answers with the next one'),
})

/** A login as it is answered. */
export type Grant = z.output<typeof grant>
