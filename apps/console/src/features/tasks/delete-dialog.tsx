import { Button, Group, Modal, Text } from '@mantine/core'
import type { Task } from '@millrace/backend/src/modules/tasks/task.ts'

interface DeleteDialogProps {
  readonly isOpen: boolean
  readonly task: Task | undefined
  readonly onDelete: () => void
  readonly onClose: () => void
}

/** Asks once more: a task that is deleted does not come back. */
export function DeleteDialog({ isOpen, task, onDelete, onClose }: DeleteDialogProps) {
  return (
    <Modal opened={isOpen} onClose={onClose} title="Delete task">
      <Text>
        “<strong>{task?.title}</strong>” will be deleted for good.
      </Text>
      <Group justify="flex-end" mt="lg">
        <Button variant="default" onClick={onClose} data-autofocus>
          Cancel
        </Button>
        <Button color="red.9" onClick={onDelete}>
          Delete
        </Button>
      </Group>
    </Modal>
  )
}
