import { Center, Paper, Stack, Text, Title } from '@mantine/core'
import { useDocumentTitle } from '@mantine/hooks'
import type { ReactNode } from 'react'
import { Brand } from '../../components/brand.tsx'

interface SessionPageProps {
  readonly title: string
  readonly children: ReactNode
  /** The way to the other page. */
  readonly other: ReactNode
}

/** What the pages of somebody who is not signed in look like. */
export function SessionPage({ title, children, other }: SessionPageProps) {
  useDocumentTitle(`${title} · Millrace`)
  return (
    <Center component="main" mih="100dvh" p="md">
      <Stack w="100%" maw={400} gap="lg">
        <Center>
          <Brand />
        </Center>
        <Paper withBorder p="xl" radius="lg" shadow="xs">
          <Title order={1} size="h3" mb="lg">
            {title}
          </Title>
          {children}
        </Paper>
        <Text size="sm" ta="center" c="dimmed">
          {other}
        </Text>
      </Stack>
    </Center>
  )
}
