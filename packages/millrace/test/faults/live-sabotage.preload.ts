/** Loaded ahead of an app that is to be broken: its argument says how. */
import type { ChildOptions } from './app.fixture.ts'
import { sabotageLive } from './live-sabotage.ts'

const { liveSabotage } = JSON.parse(process.argv[2] ?? '{}') as ChildOptions
if (liveSabotage) sabotageLive(liveSabotage)
