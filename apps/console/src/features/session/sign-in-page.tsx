import type { ReactNode } from 'react'
import { useData } from '../../data/context.tsx'
import { CredentialsForm } from './credentials-form.tsx'
import { SessionPage } from './session-page.tsx'

/** Where users sign in. Who has, is taken on by the router. */
export function SignInPage({ register }: { readonly register: ReactNode }) {
  const { session } = useData()
  return (
    <SessionPage title="Sign in" other={<>New here? {register}</>}>
      <CredentialsForm
        action="Sign in"
        password="current-password"
        onSubmit={({ email, password }) => session.signIn(email, password)}
      />
    </SessionPage>
  )
}
