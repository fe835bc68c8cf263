import { mkdtemp, rm, symlink, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { build } from 'esbuild'
import { afterAll, beforeAll } from 'vitest'

const ROOT = fileURLToPath(new URL('../..', import.meta.url))

const MANIFEST = {
  name: 'prisma-adapter-mssql-entra',
  version: '0.0.0',
  type: 'module',
  exports: { './package.json': './package.json' },
}

/** A program as a few files of JavaScript. Node starts it in a third of the time that `tsx` takes for the original. */
export interface BundledProgram {
  main: string
  remove(): Promise<void>
}

/** @param program - its path in this repository */
export async function bundleProgram(program: string): Promise<BundledProgram> {
  const folder = await mkdtemp(join(tmpdir(), 'bundled-program-'))
  await symlink(join(ROOT, 'node_modules'), join(folder, 'node_modules'))
  await writeFile(join(folder, 'package.json'), JSON.stringify(MANIFEST))
  await build({
    absWorkingDir: ROOT,
    entryPoints: [program],
    outdir: folder,
    entryNames: 'main',
    outExtension: { '.js': '.mjs' },
    bundle: true,
    // What is imported late stays so.
    splitting: true,
    packages: 'external',
    platform: 'node',
    target: 'node20',
    format: 'esm',
    banner: {
      js: "import { createRequire as requireFrom } from 'node:module'; const require = requireFrom(import.meta.url)",
    },
  })
  return { main: join(folder, 'main.mjs'), remove: () => rm(folder, { recursive: true }) }
}

/** The command `prisma-mssql-entra`. */
export const bundleCli = (): Promise<BundledProgram> => bundleProgram('src/cli/main.ts')

/** Bundles a program for a test file. @returns what gives the path of it, inside a test */
export function useBundledProgram(program: string): () => string {
  let bundled: BundledProgram | undefined
  beforeAll(async () => {
    bundled = await bundleProgram(program)
  })
  afterAll(() => bundled?.remove())
  return () => {
    if (bundled === undefined) throw new Error('Only to be used inside a test.')
    return bundled.main
  }
}
