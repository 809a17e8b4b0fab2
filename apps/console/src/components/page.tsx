import { Container, Group, Title } from '@mantine/core'
import { useDocumentTitle } from '@mantine/hooks'
import type { ReactNode } from 'react'
import classes from './page.module.css'

interface PageProps {
  readonly title: string
  /** Beside the title, always seen: mostly the state of the connection. */
  readonly state?: ReactNode
  /** What can be done, at the end of the line. */
  readonly actions?: ReactNode
  readonly children: ReactNode
}

/** A page of the console. Its title stays in sight. */
export function Page({ title, state, actions, children }: PageProps) {
  useDocumentTitle(`${title} · Millrace`)
  return (
    <>
      <div className={classes['bar']}>
        <Container size="lg" className={classes['line']}>
          <Title order={1} size="h3">
            {title}
          </Title>
          {state}
          <Group ml="auto" gap="xs">
            {actions}
          </Group>
        </Container>
      </div>
      <Container size="lg" py="md">
        {children}
      </Container>
    </>
  )
}
