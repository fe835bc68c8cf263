import { readFileSync } from 'node:fs'
import { join, posix } from 'node:path'
import { ROOT } from '../support/commands.ts'

/** What a user reads. `docs/simulation.md` is for those who work on the package. */
const FOR_READING = /^(package\.json|README\.md|CHANGELOG\.md|LICENSE|docs\/(?!simulation\.)[a-z-]+\.(md|svg))$/

const MUST_BE_THERE = ['package.json', 'README.md', 'CHANGELOG.md', 'LICENSE', 'docs/errors.md']

/** What a module of `dist` imports, in its code and in its types. */
const IMPORT = /(?:\bfrom|\bimport)\s*\(?\s*['"](\.[^'"]+)['"]/g

/**
 * What is wrong with the list of packed files: something is missing, or is there that nobody needs. A module is needed
 * where an entry leads to it, by its code or by its types.
 *
 * @param entries - the files that `exports` and `bin` name
 */
export function wrongFiles(files: readonly string[], entries: readonly string[]): string[] {
  const needed = reachable(entries.filter((file) => file.startsWith('dist/')).map(moduleOf))
  const there = new Set(files)
  return [
    ...[...MUST_BE_THERE, ...entries, ...[...needed].flatMap(filesOf)]
      .filter((file) => !there.has(file))
      .map((file) => `missing: ${file}`),
    ...files.filter((file) => !FOR_READING.test(file) && !isOf(needed, file)).map((file) => `not needed: ${file}`),
  ]
}

function isOf(modules: ReadonlySet<string>, file: string): boolean {
  return filesOf(moduleOf(file)).includes(file) && modules.has(moduleOf(file))
}

function moduleOf(file: string): string {
  return file.replace(/(\.d\.ts|\.js)$/, '')
}

function filesOf(module: string): string[] {
  return [`${module}.js`, `${module}.d.ts`]
}

function reachable(entries: readonly string[]): Set<string> {
  const seen = new Set<string>()
  const visit = (module: string): void => {
    if (seen.has(module)) return
    seen.add(module)
    for (const file of filesOf(module)) {
      for (const [, path = ''] of readFileSync(join(ROOT, file), 'utf8').matchAll(IMPORT)) {
        visit(moduleOf(posix.join(posix.dirname(file), path.replace(/\.ts$/, '.js'))))
      }
    }
  }
  entries.forEach(visit)
  return seen
}
