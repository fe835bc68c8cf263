import { readdirSync, readFileSync } from 'node:fs'
import { isBuiltin } from 'node:module'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { describe, expect, it } from 'vitest'

const EXAMPLES = fileURLToPath(new URL('../../examples/', import.meta.url))

/** What the code of an example imports by name, types aside: `@scope/name` or `name`. */
function packagesOf(folder: string): string[] {
  const files = readdirSync(folder, { recursive: true, encoding: 'utf8' }).filter((name) => /(?<!\.d)\.ts$/.test(name))
  const own = files.filter((name) => !/(^|\/)(node_modules|generated|dist|\.next)\//.test(name))
  const text = own.map((name) => readFileSync(join(folder, name), 'utf8')).join('\n')
  const imports = [...text.matchAll(/^(?:import|\}) (?!type )(?:.* from )?'([^'.][^']*)'/gm)].map(
    ([, name = '']) => name,
  )
  return [
    ...new Set(imports.filter((name) => !isBuiltin(name)).map((name) => /^(@[^/]+\/)?[^/]+/.exec(name)?.[0] ?? '')),
  ]
}

// check:package installs most of them together, where one would find what another one names.
describe.each(readdirSync(EXAMPLES))('examples/%s', (name) => {
  it('names each package that it imports, and a script to build it', () => {
    const { dependencies, scripts } = JSON.parse(readFileSync(join(EXAMPLES, name, 'package.json'), 'utf8'))
    const packages = packagesOf(join(EXAMPLES, name))
    expect(packages).not.toEqual([])
    expect(Object.keys(dependencies)).toEqual(expect.arrayContaining(packages))
    expect(scripts.build).toBeTypeOf('string')
  })
})
