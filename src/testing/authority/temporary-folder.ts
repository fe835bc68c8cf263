import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'

/** A folder that is made when the first file is written, for this user alone. */
export class TemporaryFolder {
  #path: string | undefined

  /** Gives the file's path. */
  write(name: string, content: string): string {
    this.#path ??= mkdtempSync(join(tmpdir(), 'local-authority-'))
    const path = join(this.#path, name)
    writeFileSync(path, content, { mode: 0o600 })
    return path
  }

  remove(): void {
    if (this.#path !== undefined) rmSync(this.#path, { recursive: true, force: true })
    this.#path = undefined
  }
}
