import { chmod, mkdir, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { afterEach, beforeEach, expect, test, vi } from 'vitest'
import { kafkaUnavailable, startKafka } from '../../src/kafka/index.ts'
import { maven } from '../../src/kafka/jars.ts'
import { findJava } from '../../src/kafka/java.ts'
import { runProgram, testFolder } from '../servers/programs.fixture.ts'

beforeEach(() => {
  vi.stubEnv('PATH', '')
  vi.stubEnv('JAVA_HOME', undefined)
})

afterEach(() => {
  vi.unstubAllEnvs()
})

test('says what to install without Java', async () => {
  await expect(startKafka()).rejects.toThrow('install a JDK of version 17 or newer')
  expect(await kafkaUnavailable()).toContain('install a JDK')

  const program = runProgram('src/kafka/main.ts', [])

  expect(await program.ended).toBe(1)
  expect(await program.stderr).toMatch(/Kafka needs Java, and java cannot be run: .*\n$/)
})

test('says what to install without Maven', async () => {
  await expect(maven(['--version'], import.meta.dirname)).rejects.toThrow('install Maven')
})

// Windows starts no scripts by their first line.
test.runIf(process.platform !== 'win32')('refuses a Java that is too old', async () => {
  const home = await testFolder()
  await mkdir(join(home, 'bin'))
  await writeFile(join(home, 'bin/java'), `#!/bin/sh\necho 'openjdk version "11.0.2"' >&2\n`)
  await chmod(join(home, 'bin/java'), 0o755)
  vi.stubEnv('JAVA_HOME', home)

  await expect(findJava()).rejects.toThrow(/needs Java 17 or newer, and .* is 11/)
})
