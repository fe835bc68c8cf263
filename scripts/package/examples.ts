import assert from 'node:assert/strict'
import { cpSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { readFile } from 'node:fs/promises'
import { basename, join } from 'node:path'
import { startSts } from '../../test/examples/sts.ts'
import { ROOT } from '../support/commands.ts'
import { type AzureForPrograms, DRAFT, USERS } from './local-azure.ts'
import { manifest } from './manifest.ts'
import { askServer, BUILDING, type Environment, INSTALL, Running, runShell } from './shell.ts'

/** What a build makes, which a copy of the example has to make itself. */
const MADE = new Set(['node_modules', 'generated', 'dist', '.next', 'next-env.d.ts'])

/** `next build` takes the folder of the first lockfile above it for its own, so this one is installed by itself. */
const ALONE = 'nextjs'

/** The folders of `examples/`, copied, with the packed package, as users build and start them. */
export class Examples {
  readonly names = readdirSync(join(ROOT, 'examples'))
  readonly #together: string
  readonly #alone: string

  /** @param folder - where to copy them; must not exist */
  constructor(folder: string, tarball: string) {
    this.#together = join(folder, 'together')
    this.#alone = join(folder, 'alone')
    for (const name of this.names) {
      const copy = this.#folderOf(name)
      cpSync(join(ROOT, 'examples', name), copy, { recursive: true, filter: (path) => !MADE.has(basename(path)) })
      const file = join(copy, 'package.json')
      const application = JSON.parse(readFileSync(file, 'utf8'))
      application.dependencies[manifest.name] = `file:${tarball}`
      writeFileSync(file, JSON.stringify(application))
    }
    writeFileSync(join(this.#together, 'package.json'), JSON.stringify({ private: true, workspaces: ['*'] }))
  }

  #folderOf(name: string): string {
    return join(name === ALONE ? this.#alone : this.#together, name)
  }

  /** Installs what each `package.json` names, and runs its script `build`. */
  async build(): Promise<string> {
    const buildAll = async (names: readonly string[]) => {
      for (const name of names) await runShell('npm run build', this.#folderOf(name), BUILDING)
    }
    await Promise.all([
      runShell(INSTALL, this.#together).then(() => buildAll(this.names.filter((name) => name !== ALONE))),
      runShell(INSTALL, this.#folderOf(ALONE)).then(() => buildAll([ALONE])),
    ])
    return this.names.join(', ')
  }

  /** Starts all that can be started. Each reads from the local Azure by a token. */
  async run({ azure, environment }: AzureForPrograms): Promise<void> {
    const users = (answer: unknown) => assert.deepEqual(answer, USERS)
    await Promise.all([
      askServer('npm start', this.#folderOf('nestjs'), environment, '/users').then(users),
      askServer('npm start', this.#folderOf('nextjs'), environment, '/api/users').then(users),
      this.#runWorker(environment),
      this.#runFunctions(environment).then(users),
      this.#runLambda(azure, environment).then(users),
    ])
  }

  /** It publishes the draft, and ends by itself when it is told to. */
  async #runWorker(environment: Environment): Promise<void> {
    const worker = new Running('npm start', this.#folderOf('worker'), environment)
    try {
      await worker.until(() => worker.text.includes(`published ${DRAFT}\n`) || undefined)
    } finally {
      await worker.stop()
    }
    assert.match(worker.text, /^stopped$/m)
  }

  /** `func` downloads its host from elsewhere, so a stand-in for its Node.js worker loads what that would. */
  async #runFunctions(environment: Environment): Promise<unknown> {
    const worker = join(ROOT, 'scripts/package/functions-worker.ts')
    const folder = this.#folderOf('azure-functions')
    return JSON.parse(await runShell(`node --import tsx '${worker}' '${folder}'`, ROOT, environment))
  }

  /** The bundle alone, in a folder of its own: all that Lambda has. */
  async #runLambda(azure: AzureForPrograms['azure'], { DATABASE_URL = '' }: Environment): Promise<unknown> {
    const deployed = join(this.#alone, 'lambda')
    mkdirSync(deployed, { recursive: true })
    cpSync(join(this.#folderOf('aws-lambda'), 'dist/index.mjs'), join(deployed, 'index.mjs'))
    const token = join(this.#alone, 'lambda-token')
    await azure.authority.writeFederatedToken(token)
    const sts = await startSts(() => readFile(token, 'utf8'))
    const role = { AWS_ACCESS_KEY_ID: 'test', AWS_SECRET_ACCESS_KEY: 'test', AWS_SESSION_TOKEN: 'test' }
    try {
      const runtime = join(ROOT, 'scripts/package/lambda-runtime.mjs')
      const answer = await runShell(`node '${runtime}' '${join(deployed, 'index.mjs')}'`, deployed, {
        ...azure.authority.environment('workload-identity'),
        ...{ DATABASE_URL, AWS_REGION: 'eu-central-1', AWS_ENDPOINT_URL_STS: sts.url, ...role },
      })
      // Before it stands what the handler logs.
      return JSON.parse(answer.trim().split('\n').at(-1) ?? '')
    } finally {
      await sts.close()
    }
  }
}
