import { existsSync, readFileSync } from 'node:fs'
import { join, posix } from 'node:path'
import { ROOT } from '../support/commands.ts'

/** What a user reads. `docs/simulation.md` is for those who work on the package. */
const FOR_READING =
  /^(package\.json|README\.md|CHANGELOG\.md|LICENSE|docs\/(?!simulation\.)[a-z-]+\.(md|svg|json)|skills\/[a-z-]+\/SKILL\.md)$/

const MUST_BE_THERE = [
  'package.json',
  'README.md',
  'CHANGELOG.md',
  'LICENSE',
  'docs/errors.md',
  'dist/cjs/package.json',
]

/** What a file of `dist` imports. */
const IMPORT = /(?:\bfrom|\bimport|\brequire)\s*\(?\s*['"](\.[^'"]+)['"]/g

/**
 * What is wrong with the list of packed files: something is missing, or is there that nobody needs. Code is needed where
 * the code of an entry leads to it, types where those of an entry do.
 *
 * @param entries - the files that `exports` and `bin` name
 */
export function wrongFiles(files: readonly string[], entries: readonly string[]): string[] {
  const needed = new Set([...MUST_BE_THERE, ...entries])
  for (const entry of entries.filter((file) => file.startsWith('dist/'))) visit(entry, needed)
  return [
    ...[...needed].filter((file) => !files.includes(file)).map((file) => `missing: ${file}`),
    ...files.filter((file) => !needed.has(file) && !FOR_READING.test(file)).map((file) => `not needed: ${file}`),
  ]
}

function visit(file: string, seen: Set<string>): void {
  seen.add(file)
  if (!existsSync(join(ROOT, file))) return
  const ofTypes = /\.d\.[cm]?ts$/.test(file)
  for (const [, path = ''] of readFileSync(join(ROOT, file), 'utf8').matchAll(IMPORT)) {
    const code = posix.join(posix.dirname(file), path).replace(/(?:\.d)?\.([cm]?)ts$/, '.$1js')
    const next = ofTypes ? code.replace(/\.([cm]?)js$/, '.d.$1ts') : code
    if (!seen.has(next)) visit(next, seen)
  }
}
