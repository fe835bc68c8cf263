import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { ROOT } from '../support/commands.ts'

type Target = string | { [condition: string]: Target }

interface Manifest {
  name: string
  exports: Record<string, Target>
  bin?: Record<string, string>
  devDependencies: Record<string, string>
}

/** The repository's `package.json`: what the package promises is read from it, so that no check forgets an export. */
export const manifest: Manifest = JSON.parse(readFileSync(join(ROOT, 'package.json'), 'utf8'))

/** What can be imported: `name`, `name/testing`, … */
export const modules: readonly string[] = Object.keys(manifest.exports)
  .filter((subpath) => !subpath.endsWith('.json'))
  .map((subpath) => manifest.name + subpath.slice(1))

export const commands: readonly string[] = Object.keys(manifest.bin ?? {})

/** Each file that `exports` and `bin` name, relative to the package. */
export const entryFiles: readonly string[] = [
  ...Object.values(manifest.exports).flatMap(filesOf),
  ...Object.values(manifest.bin ?? {}),
].map((file) => file.replace(/^\.\//, ''))

function filesOf(target: Target): string[] {
  return typeof target === 'string' ? [target] : Object.values(target).flatMap(filesOf)
}

/** `name@version`, with the version that the repository is developed with. */
export function developedWith(name: string): string {
  return `${name}@${manifest.devDependencies[name]}`
}
