import { Button, Center, Skeleton, Text } from '@mantine/core'
import type { Task } from '@millrace/backend/src/modules/tasks/task.ts'
import { useState } from 'react'
import { type RowActions, TaskRow } from './task-row.tsx'
import classes from './tasks.module.css'
import { useMinute } from './use-minute.ts'

/** How many are shown at a time. */
const step = 100

interface TaskListProps extends RowActions {
  readonly tasks: readonly Task[]
}

/** Tasks, as many as somebody wants to see. */
export function TaskList({ tasks, ...actions }: TaskListProps) {
  const [shown, setShown] = useState(step)
  const now = useMinute()
  const rest = tasks.length - shown
  return (
    <>
      <ul className={classes['list']} aria-label="Tasks">
        {tasks.slice(0, shown).map((task) => (
          <TaskRow key={task.id} task={task} now={now} {...actions} />
        ))}
      </ul>
      {rest > 0 && (
        <Center mt="md">
          <Button variant="default" onClick={() => setShown(shown + step)}>
            Show {Math.min(step, rest)} more of {rest.toLocaleString()}
          </Button>
        </Center>
      )}
    </>
  )
}

/** What stands there until the tasks have been loaded. */
export function TaskListLoading() {
  return (
    <div className={classes['list']} aria-busy="true">
      <Text className="mantine-visually-hidden">Loading the tasks</Text>
      {[62, 38, 54, 45, 30].map((width) => (
        <div key={width} className={classes['row']}>
          <Skeleton circle height={22} />
          <Skeleton height={14} width={`${width}%`} mt={5} />
        </div>
      ))}
    </div>
  )
}
