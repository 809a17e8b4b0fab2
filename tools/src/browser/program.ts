import { execFile } from 'node:child_process'
import { access, constants, readFile, writeFile } from 'node:fs/promises'
import { delimiter, dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import { cached, cacheFolder } from '../servers/cache.ts'

/** A browser as it is started. */
export interface BrowserProgram {
  readonly executablePath: string
  /** What it needs in its environment to find what it was shipped with. */
  readonly env: Readonly<Record<string, string>>
}

/** By the names that systems give it. */
const names = ['chromium', 'chromium-browser', 'google-chrome', 'google-chrome-stable']
const onMac = '/Applications/Google Chrome.app/Contents/MacOS/Google Chrome'

/** Why there is no browser to test in; undefined where there is one. */
export async function browserUnavailable(): Promise<string | undefined> {
  if (isShipped() || (await ofSystem())) return undefined
  return `npm has no Chromium for ${process.platform} on ${process.arch}, and none of ${names.join(', ')} is on the path`
}

/** The system's Chromium; else that of npm, which is unpacked the first time: it takes 2 s. */
export async function browserProgram(): Promise<BrowserProgram> {
  const executablePath = await ofSystem()
  return executablePath ? { executablePath, env: {} } : shipped()
}

async function ofSystem(): Promise<string | undefined> {
  const folders = (process.env['PATH'] ?? '').split(delimiter).filter((folder) => folder !== '')
  const candidates = [...folders.flatMap((folder) => names.map((name) => join(folder, name))), onMac]
  for (const candidate of candidates) if (await isProgram(candidate)) return candidate
  return undefined
}

function isProgram(path: string): Promise<boolean> {
  return access(path, constants.X_OK).then(
    () => true,
    () => false,
  )
}

function isShipped(): boolean {
  return process.platform === 'linux' && process.arch === 'x64'
}

/** The package's folder of libraries is for systems that have none of a desktop's, and so for any. */
async function shipped(): Promise<BrowserProgram> {
  const name = `chromium-${await shippedVersion()}`
  const folder = await cached({ name, make: (fresh) => unpack(fresh, join(cacheFolder, name)) })
  const env = { LD_LIBRARY_PATH: join(folder, 'al2023/lib'), FONTCONFIG_FILE: join(folder, 'fonts.conf') }
  return { executablePath: join(folder, 'chromium'), env }
}

async function shippedVersion(): Promise<string> {
  const folder = dirname(fileURLToPath(import.meta.resolve('@sparticuz/chromium')))
  return JSON.parse(await readFile(join(folder, '../package.json'), 'utf8')).version
}

/** @param place where the folder will be */
async function unpack(folder: string, place: string): Promise<void> {
  const program = fileURLToPath(new URL('./unpack.ts', import.meta.url))
  await promisify(execFile)(process.execPath, [program], { env: { ...process.env, TMPDIR: folder } })
  // Its own looks into folders of the cloud it was made for.
  const fonts = `<fontconfig><dir>${place}/fonts</dir><cachedir>${place}/fonts-cache</cachedir></fontconfig>`
  await writeFile(join(folder, 'fonts.conf'), fonts)
}
