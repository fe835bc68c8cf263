import { chmodSync, existsSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'

/** What a command does. */
export interface CommandAnswer {
  stdout?: string
  stderr?: string
  exitCode?: number
}

/** An executable that notes how it is called, and answers what it is told to. */
export class StandInCommand {
  readonly #path: string

  /** @param folder - has to be on `PATH` */
  constructor(folder: string, name: string) {
    this.#path = join(folder, name)
    const program = `#!${process.execPath}
      const { appendFileSync, readFileSync } = require('node:fs')
      const { AZURE_IDENTITY_POWERSHELL_RESOURCE: resource, AZURE_IDENTITY_POWERSHELL_TENANT_ID: tenant } = process.env
      appendFileSync(__filename + '.calls', JSON.stringify([...process.argv.slice(2), resource, tenant]) + '\\n')
      const { stdout = '', stderr = '', exitCode = 0 } = JSON.parse(readFileSync(__filename + '.answer', 'utf8'))
      process.stdout.write(stdout)
      process.stderr.write(stderr)
      process.exitCode = exitCode`
    writeFileSync(this.#path, program)
    chmodSync(this.#path, 0o700)
  }

  answer(answer: CommandAnswer): void {
    writeFileSync(`${this.#path}.answer`, JSON.stringify(answer), { mode: 0o600 })
    writeFileSync(`${this.#path}.calls`, '')
  }

  /** The arguments of each call since the last `answer`, and the variables that PowerShell is handed. */
  get calls(): unknown[][] {
    const path = `${this.#path}.calls`
    const lines = existsSync(path) ? readFileSync(path, 'utf8').split('\n') : []
    return lines.filter((line) => line !== '').map((line) => JSON.parse(line).filter((part: unknown) => part !== null))
  }
}
