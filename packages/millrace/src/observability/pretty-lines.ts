import type { DestinationStream } from 'pino'

/** Turns the logger's JSON lines into lines for people: time, level, message, the rest as `name=value`, then the stack. */
export function prettyLines(output: DestinationStream): DestinationStream {
  return { write: (line) => output.write(prettyLine(line)) }
}

function prettyLine(line: string): string {
  const { time, level, msg, err, error, ...rest } = JSON.parse(line) as Record<string, unknown>
  const details = Object.entries(rest).map(([name, value]) => `${name}=${shown(value)}`)
  const head = [String(time).slice(11, 23), String(level).toUpperCase().padEnd(5), msg, ...details].join(' ')
  return `${[head, ...stacksOf(err ?? error)].join('\n')}\n`
}

function shown(value: unknown): string {
  return typeof value === 'string' && !/[\s"=]/.test(value) ? value : JSON.stringify(value)
}

function stacksOf(error: unknown): string[] {
  if (typeof error !== 'object' || error === null) return []
  const { stack, message, cause } = error as { stack?: unknown; message?: unknown; cause?: unknown }
  const causes = stacksOf(cause).map((text, index) => (index === 0 ? `caused by: ${text}` : text))
  return [String(stack ?? message), ...causes]
}
