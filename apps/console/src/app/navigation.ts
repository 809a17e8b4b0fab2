import { ListChecks } from 'lucide-react'

/** The pages that there is a way to, in their order. */
export const navigation = [{ to: '/tasks', label: 'Tasks', icon: ListChecks }] as const
