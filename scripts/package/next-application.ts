import { mkdir, readFile, writeFile } from 'node:fs/promises'
import { basename, dirname, join } from 'node:path'
import { codeBlocks } from '../../test/support/markdown.ts'
import { ROOT } from '../support/commands.ts'
import { developedWith } from './manifest.ts'
import { askServer, BUILDING, type Environment, INSTALL, runShell } from './shell.ts'

const GENERATOR =
  'npx --yes create-next-app@16 FOLDER --yes --ts --api --no-eslint --no-tailwind --no-src-dir --no-react-compiler ' +
  "--import-alias '@/*' --use-npm --skip-install --disable-git"

/** What the user writes to see the first row; the client is made by the README's lines. */
const ROUTE = `import { connection } from 'next/server'
import { prisma } from '@/prisma'

export async function GET() {
  await connection()
  return Response.json(await prisma.user.findMany({ select: { email: true, name: true }, orderBy: { email: 'asc' } }))
}
`

/** An application of create-next-app with the README's lines in it, and nothing of `examples/` but the schema. */
export class NextApplication {
  readonly #folder: string
  readonly #tarball: string

  /** @param folder - where to make it; must not exist */
  constructor(folder: string, tarball: string) {
    this.#folder = folder
    this.#tarball = tarball
  }

  /** @param environment - as the user has it in `.env`: the build loads the route, and with it the README's lines */
  async build(environment: Environment): Promise<void> {
    await runShell(GENERATOR.replace('FOLDER', basename(this.#folder)), dirname(this.#folder), BUILDING)
    const packages = ['prisma', '@prisma/client', '@prisma/adapter-mssql'].map(developedWith)
    await runShell(`${INSTALL} ${[this.#tarball, ...packages].join(' ')}`, this.#folder)
    const [client = '', config = ''] = codeBlocks(await readFile(join(ROOT, 'README.md'), 'utf8'), 'ts')
    await this.#write('prisma.ts', `${client}export { prisma }\n`)
    await this.#write('prisma.config.ts', config)
    await this.#write(
      'prisma/schema.prisma',
      await readFile(join(ROOT, 'examples/nextjs/prisma/schema.prisma'), 'utf8'),
    )
    await this.#write('app/users/route.ts', ROUTE)
    const next = await readFile(join(this.#folder, 'next.config.ts'), 'utf8')
    await this.#write('next.config.ts', next.replace('/* config options here */', "output: 'standalone',"))
    await runShell('npx prisma generate && npm run build', this.#folder, { ...BUILDING, ...environment })
  }

  async #write(name: string, text: string): Promise<void> {
    const path = join(this.#folder, name)
    await mkdir(dirname(path), { recursive: true })
    await writeFile(path, text)
  }

  /** Starts its standalone server, and runs the command in it, an application of CommonJS. @returns the rows that it read */
  async run(environment: Environment): Promise<unknown> {
    await runShell('npx prisma-mssql-entra doctor', this.#folder, environment)
    return askServer('node .next/standalone/server.js', this.#folder, environment, '/users')
  }
}
