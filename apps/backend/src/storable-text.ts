import * as z from 'zod'

/** A text that PostgreSQL and JSON can hold; its length in UTF-16 units, as JavaScript and JSON Schema count. */
export function storableText(longest: number) {
  return z
    .string()
    .max(longest, `must not be longer than ${longest} characters`)
    .refine((text) => !text.includes('\0'), 'must not have NUL characters, which PostgreSQL cannot hold')
    .refine((text) => text.isWellFormed(), 'must be well-formed Unicode, without lone surrogates')
}

/** A {@link storableText} that says something. */
export function filledText(longest: number) {
  return storableText(longest).min(1, 'must not be empty')
}
