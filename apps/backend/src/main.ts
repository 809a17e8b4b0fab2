import { runMain } from 'millrace/main'

await runMain(async () => {
  const { readConfig } = await import('./config.ts')
  const { compose } = await import('./compose.ts')
  const app = await compose(readConfig(process.env))
  await app.run()
})
