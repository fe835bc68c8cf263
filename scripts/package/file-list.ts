import { existsSync, readFileSync } from 'node:fs'
import { join, posix } from 'node:path'
import { ROOT } from '../support/commands.ts'

/** What a user reads. `docs/simulation.md` is for those who work on the package. */
const FOR_READING = /^(package\.json|README\.md|CHANGELOG\.md|LICENSE|docs\/(?!simulation\.)[a-z-]+\.(md|svg))$/

const MUST_BE_THERE = ['package.json', 'README.md', 'CHANGELOG.md', 'LICENSE', 'docs/errors.md']

/** What a module of `dist` imports, in its code and in its types. */
const IMPORT = /(?:\bfrom|\bimport|\brequire)\s*\(?\s*['"](\.[^'"]+)['"]/g

/**
 * What is wrong with the list of packed files: something is missing, or is there that nobody needs. A module is needed
 * where an entry leads to it, by its code or by its types.
 *
 * @param entries - the files that `exports` and `bin` name
 */
export function wrongFiles(files: readonly string[], entries: readonly string[]): string[] {
  const modules = reachable(entries.filter((file) => file.startsWith('dist/')).map(codeOf))
  const needed = new Set([...MUST_BE_THERE, ...entries, ...[...modules].flatMap((code) => [code, typesOf(code)])])
  return [
    ...[...needed].filter((file) => !files.includes(file)).map((file) => `missing: ${file}`),
    ...files.filter((file) => !needed.has(file) && !FOR_READING.test(file)).map((file) => `not needed: ${file}`),
  ]
}

/** `a.d.ts` and `a.ts` are the types of `a.js`, `a.d.cts` those of `a.cjs`. */
function codeOf(file: string): string {
  return file.replace(/(?:\.d)?\.([cm]?)ts$/, '.$1js')
}

function typesOf(code: string): string {
  return code.replace(/\.([cm]?)js$/, '.d.$1ts')
}

/** The code files of all modules that these lead to. */
function reachable(entries: readonly string[]): Set<string> {
  const seen = new Set<string>()
  const visit = (code: string): void => {
    if (seen.has(code)) return
    seen.add(code)
    for (const file of [code, typesOf(code)].filter((name) => existsSync(join(ROOT, name)))) {
      for (const [, path = ''] of readFileSync(join(ROOT, file), 'utf8').matchAll(IMPORT)) {
        visit(codeOf(posix.join(posix.dirname(file), path)))
      }
    }
  }
  entries.forEach(visit)
  return seen
}
