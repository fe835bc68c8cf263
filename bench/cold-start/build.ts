import { rm } from 'node:fs/promises'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { build } from 'esbuild'

const HERE = fileURLToPath(new URL('.', import.meta.url))
const BUILT = join(HERE, 'built')

/** Makes each program JavaScript, with the generated client in it and every package outside. @returns their paths */
export async function buildPrograms<Name extends string>(names: readonly Name[]): Promise<Record<Name, string>> {
  await rm(BUILT, { recursive: true, force: true })
  await build({
    entryPoints: names.map((name) => join(HERE, 'programs', `${name}.ts`)),
    outdir: BUILT,
    bundle: true,
    packages: 'external',
    // Its paths lead to src/, and what is measured is dist/.
    tsconfigRaw: {},
    platform: 'node',
    format: 'esm',
    outExtension: { '.js': '.mjs' },
    logLevel: 'warning',
  })
  return Object.fromEntries(names.map((name) => [name, join(BUILT, `${name}.mjs`)])) as Record<Name, string>
}
