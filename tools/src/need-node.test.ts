import { readFile } from 'node:fs/promises'
import { expect, test } from 'vitest'
import { neededNode } from '../../packages/millrace/src/main/node-version.ts'

test('need-node.mjs, which cannot import it, has the framework’s version', async () => {
  const script = await readFile(new URL('../need-node.mjs', import.meta.url), 'utf8')
  expect(script).toContain(`const needed = ${neededNode}\n`)
})
