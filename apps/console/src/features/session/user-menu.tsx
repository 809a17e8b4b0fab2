import { ActionIcon, Menu, Text } from '@mantine/core'
import { LogOut, UserRound } from 'lucide-react'
import { useData, useUser } from '../../data/context.tsx'

/** Who is signed in, and the way out. */
export function UserMenu() {
  const { session } = useData()
  const user = useUser()
  return (
    <Menu position="bottom-end">
      <Menu.Target>
        <ActionIcon variant="subtle" color="gray" size="lg" aria-label="Account">
          <UserRound size={18} />
        </ActionIcon>
      </Menu.Target>
      <Menu.Dropdown>
        <Menu.Label>
          Signed in as
          <Text size="sm" c="bright" truncate maw={240}>
            {user?.email}
          </Text>
        </Menu.Label>
        <Menu.Item leftSection={<LogOut size={16} />} onClick={() => void session.signOut()}>
          Sign out
        </Menu.Item>
      </Menu.Dropdown>
    </Menu>
  )
}
