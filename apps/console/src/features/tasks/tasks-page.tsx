import { Anchor, Button, Text } from '@mantine/core'
import { useDisclosure } from '@mantine/hooks'
import { notifications } from '@mantine/notifications'
import type { Task } from '@millrace/backend/src/modules/tasks/task.ts'
import { ListChecks, ListFilter, Plus } from 'lucide-react'
import { useCallback, useMemo, useRef, useState } from 'react'
import { ConnectionState } from '../../components/connection-state.tsx'
import { EmptyState } from '../../components/empty-state.tsx'
import { ErrorNotice, messageOf } from '../../components/error-notice.tsx'
import { Page } from '../../components/page.tsx'
import { DeleteDialog } from './delete-dialog.tsx'
import { fits, type TaskFilter } from './filter.ts'
import { TaskDialog } from './task-dialog.tsx'
import { TaskFilters } from './task-filters.tsx'
import { TaskList, TaskListLoading } from './task-list.tsx'
import type { RowActions } from './task-row.tsx'
import classes from './tasks.module.css'
import { type LiveTasks, type TaskActions, useTasks } from './use-tasks.ts'

interface TasksPageProps {
  readonly filter: TaskFilter
  readonly onFilter: (filter: TaskFilter) => void
}

/** What is asked in front of the page, and of which task. */
interface Asking {
  readonly what: 'create' | 'edit' | 'delete'
  readonly task?: Task
}

/** The tasks of the user, live. */
export function TasksPage({ filter, onFilter }: TasksPageProps) {
  const live = useTasks()
  const [asking, setAsking] = useState<Asking>({ what: 'create' })
  const [isOpen, { open, close }] = useDisclosure()
  const section = useRef<HTMLElement>(null)
  const ask = useCallback(
    (about: Asking) => {
      setAsking(about)
      open()
    },
    [open],
  )
  const rows = useMemo(
    () => rowActions(live.actions, { ask, focusList: () => section.current?.focus({ preventScroll: true }) }),
    [live.actions, ask],
  )
  const create = (
    <Button leftSection={<Plus size={18} />} onClick={() => ask({ what: 'create' })}>
      New task
    </Button>
  )
  return (
    <Page title="Tasks" state={<ConnectionState status={live.status} />} actions={create}>
      <TaskFilters filter={filter} onFilter={onFilter} tasks={live.tasks} />
      <section aria-label="Tasks" ref={section} tabIndex={-1} className={classes['section']}>
        <Tasks {...{ live, filter, onFilter, rows }} />
      </section>
      <Dialogs {...{ asking, isOpen, live }} onDelete={rows.remove} onClose={close} />
    </Page>
  )
}

interface Rows extends RowActions {
  readonly remove: (task: Task) => void
}

interface Surroundings {
  readonly ask: (asking: Asking) => void
  /** The row that had the focus may be gone. */
  readonly focusList: () => void
}

function rowActions(actions: TaskActions, { ask, focusList }: Surroundings): Rows {
  const attempt = (work: Promise<void>, failed: string) => {
    focusList()
    work.catch((error) => notifications.show({ color: 'red', title: failed, message: messageOf(error) }))
  }
  return {
    onEdit: (task) => ask({ what: 'edit', task }),
    onDelete: (task) => ask({ what: 'delete', task }),
    onComplete: ({ id, title }) => attempt(actions.complete(id), `“${title}” was not completed`),
    remove: ({ id, title }) => attempt(actions.remove(id), `“${title}” was not deleted`),
  }
}

interface TasksProps extends TasksPageProps {
  readonly live: LiveTasks
  readonly rows: Rows
}

function Tasks({ live: { tasks, error, isWhole, reload }, filter, onFilter, rows }: TasksProps) {
  if (!tasks) return error ? <ErrorNotice error={error} onRetry={reload} /> : <TaskListLoading />
  const fitting = tasks.filter((task) => fits(task, filter))
  if (fitting.length === 0) return <NoTasks filter={filter} onFilter={onFilter} hasOthers={tasks.length > 0} />
  const { onComplete, onEdit, onDelete } = rows
  return (
    <>
      {/* Anew for another filter: from its beginning. */}
      <TaskList key={`${filter.show} ${filter.priority}`} {...{ tasks: fitting, onComplete, onEdit, onDelete }} />
      {!isWhole && (
        <Text size="sm" c="dimmed" ta="center" mt="md">
          These are of your latest {tasks.length.toLocaleString()} tasks. Older ones are not shown.
        </Text>
      )}
    </>
  )
}

function NoTasks({ filter, onFilter, hasOthers }: TasksPageProps & { readonly hasOthers: boolean }) {
  if (!hasOthers) {
    return (
      <EmptyState icon={ListChecks} title="No tasks yet">
        What you create here, and what other programs write for you, appears at once.
      </EmptyState>
    )
  }
  const isAll = filter.show === 'all' && !filter.priority
  return (
    <EmptyState icon={ListFilter} title="No such tasks">
      There are others.{' '}
      {!isAll && (
        <Anchor component="button" type="button" onClick={() => onFilter({ show: 'all' })}>
          Show all
        </Anchor>
      )}
    </EmptyState>
  )
}

interface DialogsProps {
  readonly asking: Asking
  readonly isOpen: boolean
  readonly live: LiveTasks
  readonly onDelete: (task: Task) => void
  readonly onClose: () => void
}

/** They are there also when they are closed: so they know where the focus was, and give it back. */
function Dialogs({ asking: { what, task: asked }, isOpen, live: { tasks, actions }, onDelete, onClose }: DialogsProps) {
  // As it is now: somebody may have changed it meanwhile.
  const task = asked && (tasks?.find(({ id }) => id === asked.id) ?? asked)
  const remove = () => {
    onClose()
    if (task) onDelete(task)
  }
  const isDeletion = what === 'delete'
  return (
    <>
      <TaskDialog isOpen={isOpen && !isDeletion} {...{ task, actions, onClose }} />
      <DeleteDialog isOpen={isOpen && isDeletion} task={task} onDelete={remove} onClose={onClose} />
    </>
  )
}
