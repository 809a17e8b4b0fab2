import { useSyncExternalStore } from 'react'
import type { LiveState, LiveStore } from '../client/index.ts'
import { notLoaded } from '../client/store.ts'

/**
 * What a store has; the component is drawn again when that is something else. The store is connected while a component
 * uses it: make it once, outside of components or in `useMemo`.
 *
 * @example
 * const { status, data, error } = useLive(tasks)
 */
export function useLive<Data>(store: LiveStore<Data>): LiveState<Data> {
  return useSyncExternalStore(store.subscribe, store.getSnapshot, whatTheServerHas)
}

/** A page that is drawn on the server begins without data, in the browser too. */
function whatTheServerHas(): LiveState<never> {
  return notLoaded
}
