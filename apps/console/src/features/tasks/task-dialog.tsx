import { Alert, Button, Group, Input, Modal, SegmentedControl, Stack, Textarea, TextInput } from '@mantine/core'
import { useForm } from '@mantine/form'
import type { Task } from '@millrace/backend/src/modules/tasks/task.ts'
import { useMutation } from '@tanstack/react-query'
import { RefreshCw } from 'lucide-react'
import { useState } from 'react'
import { ErrorNotice } from '../../components/error-notice.tsx'
import { misfitsOf } from '../../data/misfits.ts'
import { priorities } from './filter.ts'
import { changesOf, fieldsOf, type TaskValues, valuesOf } from './task-form.ts'
import type { TaskActions } from './use-tasks.ts'

interface TaskFormProps {
  /** Undefined: a new one. */
  readonly task: Task | undefined
  readonly actions: Pick<TaskActions, 'create' | 'change'>
  readonly onClose: () => void
}

/** Asks for all there is to say of a task. */
export function TaskDialog({ isOpen, ...form }: TaskFormProps & { readonly isOpen: boolean }) {
  return (
    <Modal opened={isOpen} onClose={form.onClose} title={form.task ? 'Edit task' : 'New task'} size="lg">
      <TaskForm {...form} />
    </Modal>
  )
}

function TaskForm({ task, actions, onClose }: TaskFormProps) {
  const [before, setBefore] = useState(task)
  const form = useForm<TaskValues>({ initialValues: valuesOf(before) })
  const { mutate, error, isPending } = useMutation({
    mutationFn: (values: TaskValues) => save(values, before, actions),
    onSuccess: onClose,
    onError: (error) => form.setErrors(misfitsOf(error, form.values)),
  })
  const takeOver = () => {
    setBefore(task)
    form.setValues(valuesOf(task))
  }
  const isPlaced = Object.keys(misfitsOf(error, form.values)).length > 0
  return (
    <form onSubmit={form.onSubmit((values) => mutate(values))}>
      <Stack>
        {error && !isPlaced && <ErrorNotice error={error} />}
        {isChanged(before, task) && <ChangedNotice onTakeOver={takeOver} />}
        <TextInput label="Title" required maxLength={500} data-autofocus {...form.getInputProps('title')} />
        <Textarea
          label="Description"
          autosize
          minRows={3}
          maxRows={10}
          maxLength={10_000}
          {...form.getInputProps('description')}
        />
        <Group align="flex-start" gap="lg">
          <Input.Wrapper label="Priority" labelElement="div" id="task-priority">
            <div>
              <SegmentedControl
                aria-labelledby="task-priority-label"
                data={priorities.map(({ value, label }) => ({ value, label }))}
                {...form.getInputProps('priority')}
              />
            </div>
          </Input.Wrapper>
          <TextInput label="Due" type="datetime-local" max="9998-12-31T23:59" {...form.getInputProps('due_date')} />
        </Group>
        <Group justify="flex-end" mt="sm">
          <Button variant="default" onClick={onClose}>
            Cancel
          </Button>
          <Button type="submit" loading={isPending}>
            {task ? 'Save' : 'Create'}
          </Button>
        </Group>
      </Stack>
    </form>
  )
}

async function save(values: TaskValues, before: Task | undefined, actions: TaskFormProps['actions']): Promise<void> {
  if (!before) return actions.create(fieldsOf(values))
  const changes = changesOf(valuesOf(before), values)
  if (Object.keys(changes).length > 0) await actions.change(before.id, changes)
}

/** Whether somebody has changed what the form shows since it was opened. */
function isChanged(before: Task | undefined, now: Task | undefined): boolean {
  return before !== undefined && now !== undefined && Object.keys(changesOf(valuesOf(before), valuesOf(now))).length > 0
}

function ChangedNotice({ onTakeOver }: { readonly onTakeOver: () => void }) {
  return (
    <Alert color="blue" icon={<RefreshCw />} role="status" title="It was changed elsewhere meanwhile">
      <Stack gap="xs" align="flex-start">
        What you leave as it is here stays as it is there.
        <Button size="xs" variant="default" onClick={onTakeOver}>
          Show it as it is now
        </Button>
      </Stack>
    </Alert>
  )
}
