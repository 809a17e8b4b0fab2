import { Alert, Button, Group, Stack, Text } from '@mantine/core'
import { TriangleAlert } from 'lucide-react'
import { RequestError } from '../data/request.ts'
import classes from './error-notice.module.css'

const styles = { root: classes['root'] ?? '', icon: classes['icon'] ?? '' }

interface ErrorNoticeProps {
  readonly error: unknown
  /** Without it, there is nothing to be done here. */
  readonly onRetry?: () => void
}

/** What went wrong, what to do about it, and by which code and request to ask for help. */
export function ErrorNotice({ error, onRetry }: ErrorNoticeProps) {
  return (
    <Alert
      color="red"
      variant="default"
      role="alert"
      icon={<TriangleAlert />}
      title={messageOf(error)}
      classNames={styles}
    >
      <Stack gap="xs">
        {error instanceof RequestError && <Details error={error} />}
        {onRetry && (
          <Group>
            <Button size="xs" variant="default" onClick={onRetry}>
              Try again
            </Button>
          </Group>
        )}
      </Stack>
    </Alert>
  )
}

function Details({ error: { remedy, code, requestId } }: { readonly error: RequestError }) {
  return (
    <>
      {remedy && <Text size="sm">{remedy}</Text>}
      <Text size="xs" c="dimmed" ff="monospace" className={classes['codes'] ?? ''}>
        {code}
        {requestId && <span>{requestId}</span>}
      </Text>
    </>
  )
}

/** What went wrong, in one sentence. */
export function messageOf(error: unknown): string {
  return error instanceof Error && error.message !== '' ? error.message : 'Something went wrong.'
}
