import { cpSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { isAbsolute, join } from 'node:path'
import { generateClient, ROOT, runNpm } from '../support/commands.ts'
import { developedWith, manifest } from './manifest.ts'
import { type Environment, INSTALL, runShell } from './shell.ts'

const SOURCES = join(ROOT, 'scripts/package/applications')

const PACKAGES = ['@prisma/adapter-mssql', '@prisma/client', '@opentelemetry/api', 'jose']

/** What `nest new` installs and nothing here uses. */
const LINTERS = /eslint|prettier|globals|supertest/

/** What TypeScript may be told about modules. Only the first is with the types of all dependencies. */
const MODULE_SETTINGS = [
  '--module node16',
  '--module commonjs --esModuleInterop --skipLibCheck',
  '--module node18 --skipLibCheck',
  '--module nodenext --skipLibCheck',
  '--module esnext --moduleResolution bundler --skipLibCheck',
]

const TYPESCRIPT = 'typescript@~5.9.0'

/** Applications of CommonJS in a temporary folder, with what makes them. */
export class Applications {
  readonly #nest: string
  readonly #pnpm: string
  readonly #yarn: string
  readonly #tarball: string

  constructor(folder: string, tarball: string) {
    this.#nest = join(folder, 'nest')
    this.#pnpm = join(folder, 'pnpm')
    this.#yarn = join(folder, 'yarn')
    this.#tarball = tarball
    for (const each of [folder, this.#pnpm, this.#yarn]) mkdirSync(each, { recursive: true })
  }

  /** Makes them all, and compiles them; most of the time is waited for the registry. */
  async build(): Promise<void> {
    await Promise.all([this.#installNest(), this.#installPnpm(), this.#installYarn()])
    this.#addSources(this.#nest, true)
    for (const folder of [this.#pnpm, this.#yarn]) this.#addSources(folder, false)
    await Promise.all([runShell('npx nest build', this.#nest), runShell('npx tsc', this.#pnpm), this.#yarnRun('tsc')])
  }

  async #installNest(): Promise<void> {
    const parent = join(this.#nest, '..')
    await runShell('npx --yes @nestjs/cli@11 new nest --skip-git --skip-install --package-manager npm', parent)
    const file = join(this.#nest, 'package.json')
    const application = JSON.parse(readFileSync(file, 'utf8'))
    for (const name of Object.keys(application.devDependencies)) {
      if (LINTERS.test(name)) delete application.devDependencies[name]
    }
    writeFileSync(file, JSON.stringify(application))
    const packages = [this.#tarball, ...[...PACKAGES, 'tsx'].map(developedWith), TYPESCRIPT].join(' ')
    await runShell(`${INSTALL} ${packages}`, this.#nest)
  }

  /** Not hoisted: a package sees only what its own package.json names. */
  async #installPnpm(): Promise<void> {
    this.#writeManifest(this.#pnpm)
    writeFileSync(join(this.#pnpm, '.npmrc'), 'node-linker=isolated\n')
    await runShell('npx --yes pnpm@10 install --ignore-scripts', this.#pnpm)
  }

  /** Without node_modules. */
  async #installYarn(): Promise<void> {
    this.#writeManifest(this.#yarn)
    const npmSetting = (name: string) => runNpm(['config', 'get', name]).trim()
    const settings = ['nodeLinker: pnp', 'enableScripts: false', 'enableTelemetry: false', 'enableGlobalCache: true']
    settings.push(`npmRegistryServer: "${npmSetting('registry')}"`)
    // Where a proxy of one's own stands before the registry. npm says null if there is none.
    const authorities = npmSetting('cafile')
    if (isAbsolute(authorities)) settings.push(`httpsCaFilePath: "${authorities}"`)
    writeFileSync(join(this.#yarn, '.yarnrc.yml'), `${settings.join('\n')}\n`)
    writeFileSync(join(this.#yarn, 'yarn.lock'), '')
    await this.#yarnRun('install --no-immutable')
  }

  #yarnRun(command: string, environment?: Environment): Promise<string> {
    return runShell(`npx --yes --package @yarnpkg/cli-dist@4 -- yarn ${command}`, this.#yarn, environment)
  }

  #writeManifest(folder: string): void {
    const pinned = (names: readonly string[]) =>
      Object.fromEntries(names.map((name) => [name, manifest.devDependencies[name]]))
    const dependencies = { ...pinned(PACKAGES), [manifest.name]: `file:${this.#tarball}` }
    const devDependencies = { ...pinned(['@types/node']), typescript: '~5.9.0' }
    // mssql allows tedious 20, too, and unlike npm these do not look whether it runs on this Node.
    const overrides = pinned(process.versions.node.startsWith('20.') ? ['tedious'] : [])
    const application = { dependencies, devDependencies, resolutions: overrides, pnpm: { overrides } }
    writeFileSync(join(folder, 'package.json'), JSON.stringify({ private: true, ...application }))
    const compilerOptions = {
      ...{ module: 'nodenext', target: 'es2023', types: ['node'], strict: true, skipLibCheck: true },
      ...{ rootDir: 'src', outDir: 'dist' },
    }
    writeFileSync(join(folder, 'tsconfig.json'), JSON.stringify({ compilerOptions, include: ['src'] }))
  }

  /** The programs, and Prisma Client as CommonJS. */
  #addSources(folder: string, withJest: boolean): void {
    const source = join(folder, 'src')
    cpSync(SOURCES, source, { recursive: true, filter: (path) => withJest || !path.endsWith('.spec.ts') })
    if (folder !== this.#nest) {
      cpSync(join(this.#nest, 'src/generated'), join(source, 'generated'), { recursive: true })
      return
    }
    mkdirSync(join(folder, 'prisma'))
    const schema = readFileSync(join(ROOT, 'prisma/schema.prisma'), 'utf8')
      .replace('"../generated/prisma"', '"../src/generated/prisma"')
      .replace(/importFileExtension .*/, 'importFileExtension = ""\n  moduleFormat = "cjs"')
    writeFileSync(join(folder, 'prisma/schema.prisma'), schema)
    generateClient(ROOT, join(folder, 'prisma/schema.prisma'))
  }

  /** Compiles the types by each setting. @throws Error with what TypeScript says of this package or its users */
  async checkTypes(): Promise<string> {
    for (const setting of MODULE_SETTINGS) {
      const command = `npx tsc src/types.ts --noEmit --strict --target es2023 --types node ${setting}`
      const said = await runShell(`${command} || true`, this.#nest)
      const ours = said.split('\n').filter((line) => line.includes('error TS') && !isOfOthers(line))
      if (ours.length > 0) throw new Error(`${command}\n${ours.join('\n')}`)
    }
    return MODULE_SETTINGS.join(', ')
  }

  /** Runs them on a local Azure. @param environment - what signs them in */
  async signIn(environment: Environment): Promise<string> {
    const [nest, pnpm] = [this.#nest, this.#pnpm]
    const node = 'node --no-experimental-require-module'
    const programs: Record<string, (name: string) => Promise<string>> = {
      'nest build': (name) => runShell(`${node} dist/run.js '${name}'`, nest, environment),
      'ts-node': (name) => runShell(`npx ts-node --transpile-only src/run.ts ${name}`, nest, environment),
      tsx: (name) => runShell(`npx tsx src/run.ts ${name}`, nest, environment),
      pnpm: (name) => runShell(`${node} dist/run.js ${name}`, pnpm, environment),
      yarn: (name) => this.#yarnRun(`node dist/run.js ${name}`, environment),
    }
    for (const [name, run] of Object.entries(programs)) {
      const told = await run(name)
      if (told.trim() !== JSON.stringify({ found: name, code: 'P1000', isEntraError: true })) {
        throw new Error(`${name}: ${told}`)
      }
    }
    // Prisma's generated client has import(), for which Jest needs the flag; this package has none.
    await runShell('npx jest query', nest, { ...environment, NODE_OPTIONS: '--experimental-vm-modules' })
    return [...Object.keys(programs), 'jest'].join(', ')
  }
}

function isOfOthers(line: string): boolean {
  return line.startsWith('node_modules/') && !line.startsWith(`node_modules/${manifest.name}/`)
}
