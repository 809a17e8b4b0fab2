import { registerHooks } from 'node:module'

/** A piece of a module of the framework, and what stands there instead. */
export interface Change {
  /** From `src/`. */
  readonly module: string
  /** Must be there exactly once. */
  readonly fragment: string
  readonly instead: string
}

/** Ways to break a promise, each of which the run must find. */
export const sabotages = {
  /** Positions move without compare-and-set, and no message is known again. */
  'inbox-and-position': [
    {
      module: 'delivery/positions.ts',
      fragment: `AND generation = $4 AND next_offset = $5
     AND pg_postmaster_start_time() = $7::timestamptz`,
      instead: `AND $4::int IS NOT NULL AND $5::bigint IS NOT NULL AND $7::text IS NOT NULL`,
    },
    {
      module: 'delivery/inbox.ts',
      fragment: `return new Set(rows[0]?.seen.map((uuid) => uuid.replaceAll('-', '')))`,
      instead: `return new Set(rows.slice(1))`,
    },
  ],
  /** A record that failed is tried again later, and holds nobody. */
  parking: [
    {
      module: 'delivery/parking.ts',
      fragment: `const hash = key === null ? undefined : keyHashOf(key)`,
      instead: `const hash = key === null ? undefined : void keyHashOf(key)`,
    },
  ],
  /** What a unit of work publishes goes straight to the broker, after its COMMIT. */
  outbox: [
    {
      module: 'app/create-app.ts',
      fragment: `writeOutbox(transaction, laned)`,
      instead: `if (false) writeOutbox(transaction, laned)`,
    },
    {
      module: 'app/create-app.ts',
      fragment: `published: (records) => relays.wake(new Set(records.map(laneOf))),`,
      instead: `published: (records) => {
        for (const record of records) brokers.ofName(record.topic).produce([record]).catch(() => {})
      },`,
    },
  ],
} as const satisfies Record<string, readonly Change[]>

export type SabotageName = keyof typeof sabotages

/** Breaks a promise in this process: see {@link changeModules}. */
export function sabotage(name: SabotageName): () => void {
  return changeModules(`sabotage ${name}`, sabotages[name])
}

/**
 * Changes modules of the framework as this thread loads them; to be called before it does. Answers what throws unless all
 * changes were made.
 */
export function changeModules(what: string, changes: readonly Change[]): () => void {
  const left = new Set(changes.map(({ module }) => urlOf(module)))
  registerHooks({
    load: (url, context, nextLoad) => {
      const loaded = nextLoad(url, context)
      if (!left.delete(url)) return loaded
      const own = changes.filter(({ module }) => urlOf(module) === url)
      return { ...loaded, source: own.reduce(changed, sourceText(loaded.source)) }
    },
  })
  return () => {
    if (left.size > 0) throw new Error(`${what}: not loaded: ${[...left].join(', ')}`)
  }
}

/**
 * The text of a module with a change made.
 *
 * @throws when the fragment is not there exactly once: the module has changed, and the sabotage is to change with it
 */
export function changed(text: string, { module, fragment, instead }: Change): string {
  const found = text.split(fragment).length - 1
  if (found !== 1) throw new Error(`sabotage of ${module}: found ${found} times, not once: ${fragment}`)
  return text.replace(fragment, () => instead)
}

/** Where a module of the framework lies. */
export function urlOf(module: string): string {
  return new URL(`../../src/${module}`, import.meta.url).href
}

function sourceText(source: unknown): string {
  return typeof source === 'string' ? source : new TextDecoder().decode(source as Uint8Array)
}
