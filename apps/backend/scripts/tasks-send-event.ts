import { runMain } from 'millrace/main'

await runMain(async () => {
  const { runScript } = await import('./tasks/script.ts')
  const { sendEvent } = await import('./tasks/send-event.ts')
  await runScript(sendEvent, process.argv.slice(2), process.env)
})
