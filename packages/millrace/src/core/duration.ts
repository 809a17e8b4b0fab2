import { fail } from './errors.ts'

/** A span of time: milliseconds, or a number with its unit, such as `'250ms'`, `'10s'`, `'5m'`, `'1.5h'`, `'7d'`. */
export type Duration = number | `${number}${'ms' | 's' | 'm' | 'h' | 'd'}`

const millisecondsPer = { ms: 1, s: 1_000, m: 60_000, h: 3_600_000, d: 86_400_000 } as const

/** Whether a text (from a setting, say) is a {@link Duration}. */
export function isDuration(text: string): text is `${number}${keyof typeof millisecondsPer}` {
  return /^\d+(\.\d+)?(ms|s|m|h|d)$/.test(text)
}

/**
 * The milliseconds of a duration.
 *
 * @throws DURATION_INVALID when it is negative, not finite, or not in the form above.
 */
export function milliseconds(duration: Duration): number {
  if (typeof duration === 'number') {
    if (Number.isFinite(duration) && duration >= 0) return duration
  } else if (isDuration(duration)) {
    const unit = duration.replace(/^[\d.]+/, '') as keyof typeof millisecondsPer
    return Number.parseFloat(duration) * millisecondsPer[unit]
  }
  throw fail('DURATION_INVALID', { value: String(duration) })
}
