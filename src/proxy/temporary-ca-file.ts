import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'

/** What ends a process and can be noticed before it does. */
const ENDINGS: readonly NodeJS.Signals[] = ['SIGINT', 'SIGTERM', 'SIGHUP']

/**
 * Writes a certificate to a file in a folder of its own, which is this user's alone and goes with the process, unless
 * that is killed outright.
 *
 * @returns its path, which ends in `.pem`: Prisma's engine goes by that
 */
export function temporaryCaFile(certificate: string): string {
  const folder = mkdtempSync(join(tmpdir(), 'prisma-mssql-entra-'))
  const file = join(folder, 'ca.pem')
  writeFileSync(file, certificate, { mode: 0o600 })
  const remove = () => rmSync(folder, { recursive: true, force: true })
  process.once('exit', remove)
  for (const signal of ENDINGS) {
    process.once(signal, () => {
      remove()
      // With a listener a signal ends nobody any more: where this was the only one, the process is to end all the same.
      if (process.listenerCount(signal) === 0) process.kill(process.pid, signal)
    })
  }
  return file
}
