import type { Ended, PrismaProject } from './prisma-project.ts'
import type { Scratch } from './scratch.ts'
import type { Subject, Wire } from './subject.ts'
import { Skip, type Verification } from './verification.ts'

/** What the CLI says where it needs the native schema engine and cannot have it. */
const NO_ENGINE = /request to \S*schema-engine\S* failed|schema-engine\S* (?:was not found|ENOENT)|spawn \S* ENOENT/

/** One of Prisma's commands, and how it shows that it worked. */
interface Command {
  words: string
  input?: string
  /** Whether it works in the schema that Prisma's commands have for themselves. @defaultValue true */
  ownSchema?: boolean
  /** What its output must hold. */
  says?: RegExp
}

/** Runs Prisma's commands in a project whose config signs in by token. */
export class PrismaCommands {
  readonly #verification: Verification
  readonly #project: PrismaProject
  /** Why no further command is tried. */
  #missing: string | undefined

  constructor(verification: Verification, project: PrismaProject) {
    this.#verification = verification
    this.#project = project
  }

  /** All of them, in an order in which each finds what it needs. */
  async verify(subject: Subject, scratch: Scratch, wire: Wire, shadow: string | undefined): Promise<void> {
    const executed = `[${scratch.prismaSchema}].[executed]`
    await this.#command({ words: 'validate', says: /is valid/ })
    await this.#command({ words: 'migrate diff --from-empty --to-schema schema.prisma --script', says: /CREATE TABLE/ })
    await this.#command({
      words: 'db execute --stdin',
      input: `CREATE TABLE ${executed} ([id] INT NOT NULL); DROP TABLE ${executed};`,
      says: /executed successfully/,
    })
    await this.#command({ words: 'db push', says: /in sync/ })
    await this.#command({ words: 'db pull --print', says: new RegExp(`model ${scratch.book}\\b`) })
    await this.#command({ words: 'migrate diff --from-config-datasource --to-schema schema.prisma --script' })
    await this.#verification.step('an empty schema for migrate deploy', async () => {
      if (this.#missing !== undefined) throw new Skip(this.#missing)
      await scratch.clearPrisma()
      return ''
    })
    await this.#command({ words: 'migrate deploy', says: /successfully applied/ })
    await this.#command({ words: 'migrate status', says: /up to date/ })
    await this.#verification.step('what migrate deploy inserted', (signal) =>
      this.#count(subject, scratch, wire, signal),
    )
    const diff = 'migrate diff --from-migrations diffed --to-schema schema.prisma --script'
    if (shadow === undefined) this.#verification.skip(`prisma ${diff}`, 'no --shadow was named')
    else {
      scratch.useShadow(shadow)
      await this.#command({ words: diff, ownSchema: false, says: /empty migration/ })
    }
  }

  async #command({ words, says, ...options }: Command): Promise<void> {
    await this.#verification.step(`prisma ${words}`, async (signal) => {
      if (this.#missing !== undefined) throw new Skip(this.#missing)
      const ended = await this.#project.run(words.split(' '), signal, options)
      if (NO_ENGINE.test(ended.output)) {
        this.#missing = 'no schema engine'
        throw new Skip(this.#missing)
      }
      if (ended.code !== 0) throw failure(ended)
      if (says !== undefined && !says.test(ended.output)) throw new Error(`It did not say ${says}.`)
      return ''
    })
  }

  async #count(subject: Subject, { prismaSchema, book }: Scratch, wire: Wire, signal: AbortSignal): Promise<string> {
    if (this.#missing !== undefined) throw new Skip(this.#missing)
    const { books } = this.#project
    const rows = await subject.withPrisma(wire, signal, (prisma) =>
      prisma.$queryRawUnsafe<{ rows: number }[]>(`SELECT COUNT(*) AS [rows] FROM [${prismaSchema}].[${book}]`),
    )
    if (rows[0]?.rows !== books) throw new Error(`Of ${books} rows, ${rows[0]?.rows} are there.`)
    return `${books} rows, 300 KB in one migration`
  }
}

/** What a command wrote that says why it failed. */
function failure({ code, output }: Ended): Error {
  const lines = output
    .split('\n')
    .map((line) => line.trim())
    .filter((line) => line !== '')
  const line = lines.find((each) => /\bP\d{4}\b|error/i.test(each)) ?? lines.at(-1) ?? `It ended with ${code}.`
  const prismaCode = /\bP\d{4}\b/.exec(output)?.[0]
  return Object.assign(new Error(line), prismaCode === undefined ? {} : { code: prismaCode })
}
