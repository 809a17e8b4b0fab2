import { Button, PasswordInput, Stack, TextInput } from '@mantine/core'
import { useForm } from '@mantine/form'
import { useMutation } from '@tanstack/react-query'
import { ErrorNotice } from '../../components/error-notice.tsx'
import { misfitsOf } from '../../data/misfits.ts'

/** What somebody signs in with. */
export interface Credentials {
  readonly email: string
  readonly password: string
}

const nothing: Credentials = { email: '', password: '' }

interface CredentialsFormProps {
  /** What the button says. */
  readonly action: string
  /** Tells password managers whether to offer a known password or a new one. */
  readonly password: 'current-password' | 'new-password'
  readonly hint?: string
  readonly onSubmit: (credentials: Credentials) => Promise<void>
}

/** Asks for an e-mail and a password. What they must be like, the server says. */
export function CredentialsForm({ action, password, hint, onSubmit }: CredentialsFormProps) {
  const form = useForm({ mode: 'uncontrolled', initialValues: nothing })
  const { mutate, error, isPending } = useMutation({
    mutationFn: onSubmit,
    onError: (error) => form.setErrors(misfitsOf(error, nothing)),
  })
  const isPlaced = Object.keys(misfitsOf(error, nothing)).length > 0
  return (
    <form onSubmit={form.onSubmit((credentials) => mutate(credentials))} noValidate>
      <Stack>
        {error && !isPlaced && <ErrorNotice error={error} />}
        <TextInput
          label="E-mail"
          type="email"
          autoComplete="username"
          required
          autoFocus
          key={form.key('email')}
          {...form.getInputProps('email')}
        />
        <PasswordInput
          label="Password"
          description={hint}
          autoComplete={password}
          required
          key={form.key('password')}
          {...form.getInputProps('password')}
        />
        <Button type="submit" loading={isPending} fullWidth mt="xs">
          {action}
        </Button>
      </Stack>
    </form>
  )
}
