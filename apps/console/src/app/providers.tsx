import { MantineProvider } from '@mantine/core'
import { Notifications } from '@mantine/notifications'
import { type QueryClient, QueryClientProvider } from '@tanstack/react-query'
import type { ReactNode } from 'react'
import { type Data, DataProvider } from '../data/context.tsx'
import { colorScheme, cssVariables, theme } from './theme.ts'

interface ProvidersProps {
  readonly data: Data
  readonly queries: QueryClient
  readonly children: ReactNode
}

/** What every page may use: looks, notifications, data. */
export function Providers({ data, queries, children }: ProvidersProps) {
  return (
    <MantineProvider
      theme={theme}
      cssVariablesResolver={cssVariables}
      colorSchemeManager={colorScheme}
      defaultColorScheme="auto"
    >
      <Notifications position="bottom-right" />
      <QueryClientProvider client={queries}>
        <DataProvider data={data}>{children}</DataProvider>
      </QueryClientProvider>
    </MantineProvider>
  )
}
