/** Text of records may hold what a terminal takes for orders; it is shown instead. */
export function visible(text: string): string {
  // biome-ignore lint/suspicious/noControlCharactersInRegex: these are what is looked for
  return text.replace(/[\u0000-\u0008\u000b-\u001f\u007f-\u009f\u202a-\u202e\u2066-\u2069]/g, (character) => {
    return `\\u${character.charCodeAt(0).toString(16).padStart(4, '0')}`
  })
}

/** Prints a value as JSON. */
export function printJson(value: unknown): void {
  process.stdout.write(`${JSON.stringify(value, undefined, 2)}\n`)
}

/** Prints lines. */
export function print(...lines: readonly string[]): void {
  process.stdout.write(`${lines.map(visible).join('\n')}\n`)
}

/** Says something beside the answer. */
export function say(line: string): void {
  process.stderr.write(`${visible(line)}\n`)
}

/** Prints rows under headings; on a terminal the last column is cut where the line ends. */
export function printTable(headings: readonly string[], rows: readonly (readonly string[])[]): void {
  const all = [headings, ...rows.map((row) => row.map(inOneLine))]
  const widths = headings.map((_, column) => Math.max(...all.map((row) => (row[column] ?? '').length)))
  const longest = process.stdout.isTTY ? process.stdout.columns : Number.POSITIVE_INFINITY
  for (const row of all) {
    const line = row.map((cell, column) => (column === row.length - 1 ? cell : cell.padEnd(widths[column] ?? 0)))
    process.stdout.write(`${cut(line.join('  '), longest)}\n`)
  }
}

function inOneLine(cell: string): string {
  return visible(cell.replace(/\s+/g, ' '))
}

function cut(line: string, longest: number): string {
  return line.length > longest ? `${line.slice(0, Math.max(0, longest - 1))}…` : line
}

/** A span of time, for people. */
export function ago(ms: number): string {
  const seconds = ms / 1_000
  if (seconds < 120) return `${Math.round(seconds)} s`
  if (seconds < 7_200) return `${Math.round(seconds / 60)} min`
  return `${Math.round(seconds / 3_600)} h`
}
