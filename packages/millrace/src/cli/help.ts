import { type Command, commonOptions, type Options } from './command.ts'

/** What there is, a line each. */
export function generalHelp(commands: readonly Command[]): string {
  const lines = commands.map(({ name, usage, summary }) => [`  millrace ${name} ${usage}`.trimEnd(), summary] as const)
  return `Sees to a running app, through its /admin routes.\n\n${aligned(lines)}\n\n${aligned(optionLines(commonOptions))}\n`
}

/** One command with its options. */
export function commandHelp({ name, usage, summary, options }: Command): string {
  const lines = optionLines({ ...options, ...commonOptions })
  return `${`millrace ${name} ${usage}`.trimEnd()}\n\n${summary}.\n\n${aligned(lines)}\n`
}

function optionLines(options: Options): (readonly [string, string])[] {
  return Object.entries(options).map(([name, { type, short, help }]) => {
    const names = `${short ? `-${short}, ` : ''}--${name}`
    return [`  ${names}${type === 'string' ? ' …' : ''}`, help] as const
  })
}

function aligned(lines: readonly (readonly [string, string])[]): string {
  const width = Math.max(...lines.map(([left]) => left.length)) + 2
  return lines.map(([left, right]) => `${left.padEnd(width)}${right}`).join('\n')
}
