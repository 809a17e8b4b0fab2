/** Edits between a name and a known one up to which it counts as misspelt. */
const farthest = 2

/**
 * Warnings for variables that are set, unknown, share their first word with a known one (`DATABASE_`), and are a slip
 * away from it. Other unknown ones are none of our business: an environment has many.
 */
export function misspelt(
  environment: Readonly<Record<string, string | undefined>>,
  known: readonly string[],
): string[] {
  return Object.keys(environment)
    .filter((name) => name.includes('_') && !known.includes(name))
    .flatMap((name) => {
      const meant = known.find((other) => firstWord(other) === firstWord(name) && distance(name, other) <= farthest)
      return meant ? [`${name} is set, but there is no such variable; is ${meant} meant?`] : []
    })
}

function firstWord(name: string): string {
  return name.slice(0, name.indexOf('_') + 1)
}

/** Levenshtein: the insertions, deletions and replacements that make one text the other. */
function distance(from: string, to: string): number {
  let row = Array.from({ length: to.length + 1 }, (_, index) => index)
  for (const [i, letter] of [...from].entries()) row = nextRow(row, i + 1, letter, to)
  return row.at(-1) ?? 0
}

function nextRow(above: readonly number[], first: number, letter: string, to: string): number[] {
  const row = [first]
  for (const [j, other] of [...to].entries()) {
    const replaced = (above[j] ?? 0) + (letter === other ? 0 : 1)
    row.push(Math.min(replaced, (above[j + 1] ?? 0) + 1, (row[j] ?? 0) + 1))
  }
  return row
}
