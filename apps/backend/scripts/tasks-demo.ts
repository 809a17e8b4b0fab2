import { runMain } from 'millrace/main'

await runMain(async () => {
  const { runScript } = await import('./tasks/script.ts')
  const { demo } = await import('./tasks/demo.ts')
  await runScript(demo, process.argv.slice(2), process.env)
})
