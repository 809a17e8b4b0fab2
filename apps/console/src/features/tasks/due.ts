const dayMs = 86_400_000

/** When a task is due, in words that suit how far away that is. */
export interface Due {
  readonly text: string
  readonly isOverdue: boolean
}

/** @param isDone what is done is not late any more */
export function dueOf(date: string, now: Date, isDone: boolean): Due {
  const due = new Date(date)
  const isOverdue = !isDone && due < now
  const days = Math.round((startOf(due) - startOf(now)) / dayMs)
  const day = days === 0 ? 'today' : days === 1 ? 'tomorrow' : days === -1 ? 'yesterday' : dayOf(due, now)
  const time = due.toLocaleTimeString(undefined, { hour: '2-digit', minute: '2-digit' })
  return { text: Math.abs(days) <= 1 ? `${day}, ${time}` : day, isOverdue }
}

function startOf(date: Date): number {
  return new Date(date.getFullYear(), date.getMonth(), date.getDate()).getTime()
}

function dayOf(date: Date, now: Date): string {
  const year = date.getFullYear() === now.getFullYear() ? undefined : ('numeric' as const)
  return date.toLocaleDateString(undefined, { day: 'numeric', month: 'short', year })
}

/** An instant as `datetime-local` fields have it, in the time zone of the browser. */
export function toLocal(instant: string | null): string {
  if (instant === null) return ''
  const date = new Date(instant)
  const at = new Date(date.getTime() - date.getTimezoneOffset() * 60_000)
  return at.toISOString().slice(0, 16)
}

/** The instant of a `datetime-local` field; null where it is empty. */
export function fromLocal(text: string): string | null {
  return text === '' ? null : new Date(text).toISOString()
}
