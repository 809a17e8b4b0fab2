import { Group, Text } from '@mantine/core'
import { ChevronDown, ChevronsUp, Equal, type LucideIcon } from 'lucide-react'
import { type Priority, priorityName } from './filter.ts'
import classes from './tasks.module.css'

const icons: Readonly<Record<Priority, LucideIcon>> = { high: ChevronsUp, medium: Equal, low: ChevronDown }

/** How pressing a task is: by word, form and colour. */
export function PriorityBadge({ priority }: { readonly priority: Priority }) {
  const Icon = icons[priority]
  return (
    <Group gap={4} wrap="nowrap" className={classes['priority'] ?? ''} data-priority={priority}>
      <Icon size={16} strokeWidth={2.4} aria-hidden />
      <Text component="span" size="sm" fw="inherit">
        {priorityName(priority)}
      </Text>
    </Group>
  )
}
