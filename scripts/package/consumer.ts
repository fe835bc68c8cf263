import { cpSync, readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { ROOT, runNode, runNpm } from '../support/commands.ts'
import { commands, developedWith, manifest, modules } from './manifest.ts'

/** TypeScript as users have it; the repository's own is newer. */
const TYPESCRIPTS = ['typescript@~5.9.0']

const SOURCES = join(ROOT, 'scripts/package/consumer')

/** Makes a user's project in a folder: what a README says to install, from the registry and the tarball. */
export function installConsumer(folder: string, tarball: string): void {
  writeFileSync(join(folder, 'package.json'), JSON.stringify({ name: 'consumer', private: true, type: 'module' }))
  cpSync(SOURCES, folder, { recursive: true })
  cpSync(join(ROOT, 'generated'), join(folder, 'generated'), { recursive: true })
  const packages = [
    tarball,
    ...['@opentelemetry/api', '@prisma/adapter-mssql', '@prisma/client', 'jose', '@types/node', 'expect-type'].map(
      developedWith,
    ),
    ...TYPESCRIPTS,
  ]
  runNpm(['install', '--ignore-scripts', '--no-audit', '--no-fund', '--prefer-offline', ...packages], { cwd: folder })
}

/** Compiles the user's project, dependencies' types included. @param root - where the TypeScript to do it with is */
export function compileConsumer(folder: string, root: string): void {
  runNode([join(root, 'node_modules/typescript/bin/tsc'), '-p', folder])
}

/** `name version` of packages, as installed. */
export function installed(folder: string, names: readonly string[]): string {
  return names
    .map((name) => {
      const { version } = JSON.parse(readFileSync(join(folder, 'node_modules', name, 'package.json'), 'utf8'))
      return `${name} ${version}`
    })
    .join(', ')
}

/** Loads each export both ways, in a process of its own. */
export function loadModules(folder: string): void {
  for (const module of modules) {
    // jose, of the test tools, is an ES module alone.
    const flags = module.endsWith('/testing') ? [] : ['--no-experimental-require-module']
    runNode([...flags, 'load.cjs', module], { cwd: folder })
  }
  runNode(['-e', `require('${manifest.name}/package.json')`], { cwd: folder })
}

/** Runs each command of `bin`, which must know `--help`. */
export function runCommands(folder: string): void {
  for (const command of commands) {
    const help = runNpm(['exec', '--offline', '--', command, '--help'], { cwd: folder })
    if (!help.includes(command)) throw new Error(`${command} --help says nothing of itself:\n${help}`)
  }
}

/** Of all files under a folder, in bytes. */
export function sizeOf(folder: string): number {
  return readdirSync(folder, { recursive: true, encoding: 'utf8' })
    .map((name) => statSync(join(folder, name)))
    .reduce((sum, stat) => sum + (stat.isFile() ? stat.size : 0), 0)
}
