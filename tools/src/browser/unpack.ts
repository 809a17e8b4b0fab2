// Unpacks the Chromium of npm into the folder that TMPDIR names: the package knows no other way to say where.
import { readdir } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { inflate } from '@sparticuz/chromium'

const bin = join(dirname(fileURLToPath(import.meta.resolve('@sparticuz/chromium'))), '../bin')
for (const archive of await readdir(bin)) await inflate(join(bin, archive))
