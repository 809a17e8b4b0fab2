import { access, constants, mkdtemp, statfs } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'

const tmpfs = 0x01021994
const enoughRoom = 2 * 1024 ** 3

/** Makes a new folder for data that nobody needs later: in memory, where Linux has room there. */
export async function temporaryFolder(prefix: string): Promise<string> {
  return mkdtemp(join(await temporaryRoot(), prefix))
}

async function temporaryRoot(): Promise<string> {
  const memory = '/dev/shm'
  const found = await statfs(memory).catch(() => undefined)
  if (found?.type !== tmpfs || found.bavail * found.bsize < enoughRoom) return tmpdir()
  const isWritable = await access(memory, constants.W_OK).then(
    () => true,
    () => false,
  )
  return isWritable ? memory : tmpdir()
}
