import { ActionIcon, Menu, Text, UnstyledButton, VisuallyHidden } from '@mantine/core'
import type { Task } from '@millrace/backend/src/modules/tasks/task.ts'
import { CalendarClock, Check, EllipsisVertical, Pencil, Trash2 } from 'lucide-react'
import { memo, useRef } from 'react'
import { dueOf } from './due.ts'
import { PriorityBadge } from './priority-badge.tsx'
import classes from './tasks.module.css'

/** What can be asked for in a row. */
export interface RowActions {
  readonly onComplete: (task: Task) => void
  readonly onEdit: (task: Task) => void
  readonly onDelete: (task: Task) => void
}

interface TaskRowProps extends RowActions {
  readonly task: Task
  /** A minute, so that rows change when it does. */
  readonly now: number
}

/** One task of the list. */
export const TaskRow = memo(function TaskRow({ task, now, onComplete, onEdit, onDelete }: TaskRowProps) {
  const { title, description, completed } = task
  return (
    <li className={classes['row']} data-completed={completed || undefined}>
      <CompleteButton task={task} onComplete={onComplete} />
      <div className={classes['text']}>
        <UnstyledButton className={classes['title'] ?? ''} onClick={() => onEdit(task)}>
          {title}
        </UnstyledButton>
        {description && (
          <Text size="sm" c="dimmed" lineClamp={2} className={classes['description'] ?? ''}>
            {description}
          </Text>
        )}
      </div>
      <div className={classes['facts']}>
        <DueDate task={task} now={now} />
        <PriorityBadge priority={task.priority} />
      </div>
      <MoreMenu {...{ task, onEdit, onDelete }} />
    </li>
  )
})

function MoreMenu({ task, onEdit, onDelete }: Pick<TaskRowProps, 'task' | 'onEdit' | 'onDelete'>) {
  const button = useRef<HTMLButtonElement>(null)
  // Whatever it opens gives the focus back to what had it: that must still be there.
  const choose = (action: (task: Task) => void) => () => {
    button.current?.focus()
    action(task)
  }
  return (
    <Menu position="bottom-end">
      <Menu.Target>
        <ActionIcon ref={button} variant="subtle" color="gray" aria-label={`More for “${task.title}”`}>
          <EllipsisVertical size={18} />
        </ActionIcon>
      </Menu.Target>
      <Menu.Dropdown>
        <Menu.Item leftSection={<Pencil size={16} />} onClick={choose(onEdit)}>
          Edit
        </Menu.Item>
        <Menu.Item c="var(--console-urgent)" leftSection={<Trash2 size={16} />} onClick={choose(onDelete)}>
          Delete
        </Menu.Item>
      </Menu.Dropdown>
    </Menu>
  )
}

function CompleteButton({ task, onComplete }: Pick<TaskRowProps, 'task' | 'onComplete'>) {
  if (task.completed) {
    return (
      <span className={classes['done']}>
        <Check size={14} strokeWidth={3} aria-hidden />
        <VisuallyHidden>Completed</VisuallyHidden>
      </span>
    )
  }
  return (
    <UnstyledButton
      className={classes['complete'] ?? ''}
      aria-label={`Complete “${task.title}”`}
      onClick={() => onComplete(task)}
    >
      <Check size={14} strokeWidth={3} aria-hidden />
    </UnstyledButton>
  )
}

function DueDate({ task: { due_date, completed }, now }: Pick<TaskRowProps, 'task' | 'now'>) {
  if (due_date === null) return null
  const { text, isOverdue } = dueOf(due_date, new Date(now), completed)
  return (
    <time
      className={classes['due']}
      data-overdue={isOverdue || undefined}
      dateTime={due_date}
      title={new Date(due_date).toLocaleString()}
    >
      <CalendarClock size={15} aria-hidden />
      {isOverdue ? (
        `Overdue: ${text}`
      ) : (
        <>
          {<VisuallyHidden>Due </VisuallyHidden>}
          {text}
        </>
      )}
    </time>
  )
}
