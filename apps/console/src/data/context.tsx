import { createContext, type ReactNode, useContext, useSyncExternalStore } from 'react'
import type { Api } from './api.ts'
import type { LiveUpdates } from './live.ts'
import type { Session, User } from './session.ts'

/** What pages get their data from. */
export interface Data {
  readonly session: Session
  readonly api: Api
  readonly live: LiveUpdates
}

const DataContext = createContext<Data | undefined>(undefined)

/** Gives the pages below it their data. */
export function DataProvider({ data, children }: { readonly data: Data; readonly children: ReactNode }) {
  return <DataContext value={data}>{children}</DataContext>
}

/** The API, the session and what is live. */
export function useData(): Data {
  const data = useContext(DataContext)
  if (!data) throw new Error('There is no DataProvider above this component.')
  return data
}

/** Who is signed in, in whichever tab. */
export function useUser(): User | undefined {
  const { session } = useData()
  return useSyncExternalStore(
    (listener) => session.subscribeUser(listener),
    () => session.user,
  )
}
