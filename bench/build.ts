import { rm } from 'node:fs/promises'
import { basename, dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { type BuildOptions, build } from 'esbuild'

/**
 * Makes programs JavaScript, with what is ours in them and every package outside: what tsx makes of TypeScript while it
 * runs costs time of its own. Its paths lead to src/, and what is measured is dist/.
 *
 * @returns the path of each, in a folder `built` beside it
 */
export function buildPrograms(...sources: readonly URL[]): Promise<string[]> {
  return buildTo('built', sources, { packages: 'external' })
}

/** Makes each program one minified file with every package in it, as docs/bundling.md has it. */
export function bundlePrograms(...sources: readonly URL[]): Promise<string[]> {
  const banner = "import { createRequire } from 'node:module'; const require = createRequire(import.meta.url);"
  return buildTo('built/bundled', sources, { minify: true, keepNames: true, banner: { js: banner } })
}

async function buildTo(folder: string, sources: readonly URL[], options: BuildOptions): Promise<string[]> {
  const paths = sources.map((source) => fileURLToPath(source))
  const outdir = join(dirname(paths[0] ?? ''), folder)
  await rm(outdir, { recursive: true, force: true })
  await build({
    ...options,
    entryPoints: paths,
    outdir,
    bundle: true,
    tsconfigRaw: {},
    platform: 'node',
    target: 'node20',
    format: 'esm',
    outExtension: { '.js': '.mjs' },
    logLevel: 'warning',
  })
  return paths.map((path) => join(outdir, basename(path).replace(/\.ts$/, '.mjs')))
}
