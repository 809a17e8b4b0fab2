import * as z from 'zod'
import type { ErrorCode, MillraceError } from '../core/errors.ts'

/** The media type of RFC 9457. */
export const problemType = 'application/problem+json'

/** What every error answer looks like: RFC 9457, with the catalogue's code and what to do about it. */
export const problemSchema = z.object({
  type: z.string().describe('`urn:millrace:error:` and the code'),
  title: z.string().describe('The code in words; the same for every occurrence'),
  status: z.int(),
  detail: z.string().describe('What is wrong this time'),
  code: z.string().describe('A code of docs/errors.md; it keeps its meaning over versions'),
  remedy: z.string().optional().describe('What to do about it'),
  instance: z.string().describe('The request’s id, as in the header x-request-id and in the log'),
  errors: z
    .array(z.object({ path: z.string(), message: z.string() }))
    .optional()
    .describe('For an invalid request: each place that does not fit, such as `body.content`'),
})

/** One error answer. */
export type Problem = z.output<typeof problemSchema>

/** What does not fit at one place of a request. */
export type Misfit = NonNullable<Problem['errors']>[number]

/** Makes the answer for an error. From status 500 on, what could tell of the server's insides is left out. */
export function problemOf(error: MillraceError, instance: string, status = error.status, misfits?: Misfit[]): Problem {
  return {
    type: `urn:millrace:error:${error.code}`,
    title: titleOf(error.code),
    status,
    detail: status >= 500 ? withoutReason(error) : error.message,
    code: error.code,
    remedy: error.remedy,
    instance,
    ...(misfits ? { errors: misfits } : {}),
  }
}

function titleOf(code: ErrorCode): string {
  const words = code.toLowerCase().replaceAll('_', ' ')
  return words.charAt(0).toUpperCase() + words.slice(1)
}

/** Messages end in `: {problem}` where they quote a driver, a host or a statement; those are for the log alone. */
function withoutReason({ message, details: { problem, reason = problem } }: MillraceError): string {
  return reason === undefined ? message : message.replace(`: ${reason}`, '.')
}
