import { Badge, VisuallyHidden } from '@mantine/core'
import type { LiveStatus } from 'millrace/client'
import classes from './connection-state.module.css'

interface Shown {
  readonly label: string
  readonly color: string
  /** What it means for what is seen. */
  readonly meaning: string
}

const states: Readonly<Record<LiveStatus, Shown>> = {
  connecting: { label: 'Connecting', color: 'gray', meaning: 'Updates come in a moment.' },
  live: { label: 'Live', color: 'teal', meaning: 'What changes is seen at once.' },
  reconnecting: { label: 'Reconnecting', color: 'yellow', meaning: 'What has changed meanwhile comes by itself.' },
  offline: { label: 'Offline', color: 'orange', meaning: 'This device has no network.' },
  'signed-out': { label: 'Signed out', color: 'gray', meaning: 'Sign in to see what changes.' },
  closed: { label: 'Closed', color: 'gray', meaning: 'Load the page again to see what changes.' },
}

/** Whether what is seen is what is so. Changes are told to screen readers. */
export function ConnectionState({ status }: { readonly status: LiveStatus }) {
  const { label, color, meaning } = states[status]
  return (
    <div role="status" data-status={status} title={meaning}>
      <Badge
        variant="dot"
        color={color}
        size="lg"
        tt="none"
        fw={500}
        className={classes['badge'] ?? ''}
        data-moving={isMoving(status) || undefined}
      >
        {label}
      </Badge>
      <VisuallyHidden>{meaning}</VisuallyHidden>
    </div>
  )
}

function isMoving(status: LiveStatus): boolean {
  return status === 'connecting' || status === 'reconnecting'
}
