import pg from 'pg'

let sent = 0
let isCounting = false

/** How many statements this process has sent to PostgreSQL by any client of `pg` since this was called first. */
export function statementsSent(): number {
  if (!isCounting) count()
  return sent
}

/** PostgreSQL's own counts come seconds later. */
function count(): void {
  isCounting = true
  const prototype: { query: (this: pg.Client, ...given: never[]) => unknown } = pg.Client.prototype
  const { query } = prototype
  prototype.query = function (...given) {
    sent += 1
    return query.apply(this, given)
  }
}
