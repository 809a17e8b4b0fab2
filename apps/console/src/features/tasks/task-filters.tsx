import { SegmentedControl, Select } from '@mantine/core'
import type { Task } from '@millrace/backend/src/modules/tasks/task.ts'
import { filterOf, fits, priorities, type TaskFilter } from './filter.ts'
import classes from './tasks.module.css'

interface TaskFiltersProps {
  readonly filter: TaskFilter
  readonly onFilter: (filter: TaskFilter) => void
  /** All of them, to say how many there are of each kind. */
  readonly tasks: readonly Task[] | undefined
}

const views = [
  { value: 'open', label: 'Open' },
  { value: 'completed', label: 'Completed' },
  { value: 'all', label: 'All' },
] as const

/** Which tasks are shown. */
export function TaskFilters({ filter, onFilter, tasks }: TaskFiltersProps) {
  return (
    <div className={classes['tools']}>
      <SegmentedControl
        aria-label="Which tasks"
        data={views.map(({ value, label }) => ({
          value,
          label: <Counted label={label} count={tasks && countOf(tasks, filterOf({ ...filter, show: value }))} />,
        }))}
        classNames={{ label: classes['view'] ?? '' }}
        value={filter.show ?? 'open'}
        onChange={(show) => onFilter(filterOf({ ...filter, show }))}
      />
      <Select
        aria-label="Priority"
        placeholder="Any priority"
        data={priorities}
        value={filter.priority ?? null}
        clearable
        w={160}
        onChange={(priority) => onFilter(filterOf({ ...filter, priority }))}
      />
    </div>
  )
}

function Counted({ label, count }: { readonly label: string; readonly count: number | undefined }) {
  return (
    <>
      {label} {count !== undefined && <span className={classes['count']}>{count.toLocaleString()}</span>}
    </>
  )
}

function countOf(tasks: readonly Task[], filter: TaskFilter): number {
  return tasks.filter((task) => fits(task, filter)).length
}
