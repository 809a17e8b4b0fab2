/** A user's token, and what it tells of itself. */
export interface Token {
  readonly text: string
  /** Whose it is; undefined where it does not say. */
  readonly user: string | undefined
  /** How many milliseconds it is good for; undefined where it does not say, or says something impossible. */
  readonly leftMs: number | undefined
}

/** Reads what can be read of a token: a JWT says whose it is, and until when. Whether it is true is the server's to know. */
export function tokenOf(text: string, now: number): Token {
  const { sub, exp } = claimsOf(text)
  const leftMs = typeof exp === 'number' ? exp * 1_000 - now : Number.NaN
  return {
    text,
    user: typeof sub === 'string' ? sub : undefined,
    leftMs: leftMs > 0 ? leftMs : undefined,
  }
}

function claimsOf(text: string): { readonly sub?: unknown; readonly exp?: unknown } {
  const [, payload = ''] = text.split('.')
  try {
    const bytes = atob(payload.replaceAll('-', '+').replaceAll('_', '/'))
    const json = new TextDecoder().decode(Uint8Array.from(bytes, (byte) => byte.charCodeAt(0)))
    return (JSON.parse(json) ?? {}) as { readonly sub?: unknown; readonly exp?: unknown }
  } catch {
    return {}
  }
}
