import { isMillraceError, messageOf } from '../core/errors.ts'

/**
 * Says what went wrong to the person who started the program: the message, what is beneath it and not yet said, and
 * what to do. A stack only where the error is none of the catalogue, as then it is a fault of the program.
 */
export function explainError(error: unknown): string {
  if (!isMillraceError(error)) return error instanceof Error ? (error.stack ?? error.message) : String(error)
  const chain = causesOf(error)
  const innermost = chain.findLast((each) => isMillraceError(each)) ?? error
  const unsaid = chain.map(messageOf).filter((message) => !error.message.includes(message))
  return [
    `${error.message} (${innermost.code})`,
    ...unsaid.map((message) => `  because: ${message}`),
    `  ${innermost.remedy}`,
  ].join('\n')
}

function causesOf(error: Error): unknown[] {
  const { cause } = error
  if (cause === undefined) return []
  return cause instanceof Error ? [cause, ...causesOf(cause)] : [cause]
}
