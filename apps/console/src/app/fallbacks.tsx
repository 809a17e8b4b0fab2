import { Anchor } from '@mantine/core'
import { type ErrorComponentProps, Link } from '@tanstack/react-router'
import { SearchX } from 'lucide-react'
import { EmptyState } from '../components/empty-state.tsx'
import { ErrorNotice } from '../components/error-notice.tsx'
import { Page } from '../components/page.tsx'

/** A path that leads nowhere. */
export function NotFound() {
  return (
    <Page title="Not found">
      <EmptyState icon={SearchX} title="There is no such page">
        <Anchor renderRoot={(props) => <Link to="/" {...props} />}>To the first page</Anchor>
      </EmptyState>
    </Page>
  )
}

/** A page that could not be shown; it may be that another version of the console has taken this one's place. */
export function PageFailed({ error }: ErrorComponentProps) {
  return (
    <Page title="This page failed">
      <ErrorNotice error={error} onRetry={() => window.location.reload()} />
    </Page>
  )
}
