import { type CSSVariablesResolver, createTheme, localStorageColorSchemeManager, Modal, NavLink } from '@mantine/core'
import classes from './theme.module.css'

/** Calm, and dense enough for work: one accent, of deep water; greys with a little of it. */
export const theme = createTheme({
  primaryColor: 'water',
  primaryShade: { light: 7, dark: 6 },
  colors: {
    water: [
      ...(['#ebf7fb', '#d5ebf3', '#a8d6e6', '#77bfd8', '#4faccc', '#359fc5'] as const),
      ...(['#177a9c', '#12708f', '#0b5c77', '#04475e'] as const),
    ],
    dark: [
      ...(['#d6dbe1', '#b4bcc6', '#949eab', '#687280', '#3d4650', '#2e363f'] as const),
      ...(['#242b33', '#1a2027', '#14191f', '#0e1216'] as const),
    ],
  },
  fontFamily: 'system-ui, -apple-system, "Segoe UI", Roboto, "Open Sans", "Helvetica Neue", sans-serif',
  headings: { fontWeight: '600' },
  defaultRadius: 'md',
  components: {
    Modal: Modal.extend({ styles: { title: { fontWeight: 600 } } }),
    NavLink: NavLink.extend({ classNames: { root: classes['link'] ?? '' } }),
  },
  cursorType: 'pointer',
})

/** What the theme's colours are for. Texts have a contrast of at least 4.5 to 1 on what they stand on. */
export const cssVariables: CSSVariablesResolver = ({ colors: { gray, dark, water, red, orange } }) => ({
  variables: {},
  light: {
    '--console-urgent': red?.[9] ?? '',
    '--mantine-color-error': red?.[9] ?? '',
    '--console-late': '#a84300',
    '--console-chosen': water?.[0] ?? '',
    '--mantine-color-body': '#ffffff',
    '--mantine-color-dimmed': '#57606a',
    '--mantine-color-placeholder': '#6b7480',
    '--console-canvas': '#f5f7f9',
    '--console-line': gray?.[3] ?? '',
    '--console-hover': '#f8fafb',
  },
  dark: {
    '--console-urgent': red?.[4] ?? '',
    '--mantine-color-error': red?.[4] ?? '',
    '--console-late': orange?.[4] ?? '',
    '--console-chosen': '#1d3340',
    '--mantine-color-body': dark?.[7] ?? '',
    '--mantine-color-dimmed': dark?.[2] ?? '',
    '--mantine-color-placeholder': '#8a94a1',
    '--console-canvas': dark?.[8] ?? '',
    '--console-line': dark?.[5] ?? '',
    '--console-hover': '#1f262e',
  },
})

/** Remembers light, dark or auto. public/color-scheme.js reads the same key. */
export const colorScheme = localStorageColorSchemeManager({ key: 'millrace.color-scheme' })
