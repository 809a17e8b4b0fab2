/** The process of one app. It ends with its standard input at the latest, so with whoever started it. */
import type { AppSettings } from './app.ts'
import { sabotage } from './sabotage.ts'

process.stdin.once('end', () => process.exit(3)).resume()
// The pipe is no reason to stay when all else has ended.
if ('unref' in process.stdin) (process.stdin.unref as () => void)()

const settings = JSON.parse(process.argv[2] ?? '') as AppSettings
const assertDone = settings.sabotage && sabotage(settings.sabotage)
// Only now: what is to be changed must not have been loaded.
const { runApp } = await import('./app.ts')
assertDone?.()
await runApp(settings)
