import { Anchor, AppShell, Burger, Group, NavLink, ScrollArea } from '@mantine/core'
import { useDisclosure, useMediaQuery } from '@mantine/hooks'
import { Link, Outlet, useMatchRoute } from '@tanstack/react-router'
import { BookOpen } from 'lucide-react'
import { Suspense } from 'react'
import { Brand } from '../components/brand.tsx'
import { useUser } from '../data/context.tsx'
import { UserMenu } from '../features/session/user-menu.tsx'
import { ColorSchemeSwitch } from './color-scheme-switch.tsx'
import { navigation } from './navigation.ts'
import classes from './shell.module.css'

/** Below the breakpoint `sm`. */
const narrow = '(width < 48em)'

/** What is around every page: the brand, the way to the other pages, theme and account. */
export function Shell() {
  const [isOpen, { toggle, close }] = useDisclosure()
  const isNarrow = useMediaQuery(narrow)
  const user = useUser()
  return (
    <AppShell header={{ height: 56 }} navbar={{ width: 220, breakpoint: 'sm', collapsed: { mobile: !isOpen } }}>
      <AppShell.Header px="md">
        <a href="#main" className={classes['skip']}>
          To the content
        </a>
        <Group h="100%" gap="sm" wrap="nowrap">
          <Burger opened={isOpen} onClick={toggle} hiddenFrom="sm" size="sm" aria-label="Pages" />
          <Anchor renderRoot={(props) => <Link to="/" {...props} />} underline="never" c="inherit">
            <Brand />
          </Anchor>
          <Group ml="auto" gap={4} wrap="nowrap">
            <ColorSchemeSwitch />
            <UserMenu />
          </Group>
        </Group>
      </AppShell.Header>
      {/* Out of sight on a phone, out of the keyboard’s way as well. */}
      <AppShell.Navbar p="sm" aria-label="Pages" inert={isNarrow && !isOpen}>
        <AppShell.Section grow component={ScrollArea}>
          <Pages onFollow={close} />
        </AppShell.Section>
        <AppShell.Section>
          <NavLink href="/docs" label="API documentation" leftSection={<BookOpen size={18} />} />
        </AppShell.Section>
      </AppShell.Navbar>
      {/* Nothing of one user is left where another one follows. */}
      <AppShell.Main id="main" tabIndex={-1} key={user?.email ?? ''}>
        <Suspense>
          <Outlet />
        </Suspense>
      </AppShell.Main>
    </AppShell>
  )
}

function Pages({ onFollow }: { readonly onFollow: () => void }) {
  const matches = useMatchRoute()
  return (
    <>
      {navigation.map(({ to, label, icon: Icon }) => (
        <NavLink
          key={to}
          renderRoot={(props) => <Link to={to} {...props} />}
          label={label}
          leftSection={<Icon size={18} />}
          active={matches({ to, fuzzy: true }) !== false}
          onClick={onFollow}
        />
      ))}
    </>
  )
}
