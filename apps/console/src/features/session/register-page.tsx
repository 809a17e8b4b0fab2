import type { ReactNode } from 'react'
import { useData } from '../../data/context.tsx'
import { CredentialsForm } from './credentials-form.tsx'
import { SessionPage } from './session-page.tsx'

/** Where somebody becomes a user, and is signed in at once. */
export function RegisterPage({ signIn }: { readonly signIn: ReactNode }) {
  const { session } = useData()
  return (
    <SessionPage title="Register" other={<>You have an account? {signIn}</>}>
      <CredentialsForm
        action="Register"
        password="new-password"
        hint="8 characters or more"
        onSubmit={({ email, password }) => session.register(email, password)}
      />
    </SessionPage>
  )
}
