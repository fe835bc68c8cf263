import { readFile } from 'node:fs/promises'
import { fileURLToPath } from 'node:url'
import { build } from 'esbuild'

/** A piece of source text and what stands in its place. */
export interface Replacement {
  /** From the repository's root. */
  file: string
  find: string
  replace: string
}

const root = new URL('../../', import.meta.url)

/**
 * The simulation and the code under test as one script for a worker thread, in memory; with some source text replaced
 * where wanted.
 *
 * @throws where a text to replace is not found exactly once
 */
export async function bundleSimulation(replacements: Replacement[] = []): Promise<string> {
  const { outputFiles } = await build({
    entryPoints: [fileURLToPath(new URL('worker.ts', import.meta.url))],
    bundle: true,
    write: false,
    platform: 'node',
    format: 'cjs',
    target: 'node20',
    logLevel: 'silent',
    plugins: [
      {
        name: 'replace',
        setup({ onLoad }) {
          onLoad({ filter: /\/src\/.*\.ts$/ }, async ({ path }) => {
            const mine = replacements.filter(({ file }) => path === fileURLToPath(new URL(file, root)))
            if (mine.length === 0) return undefined
            return { contents: mine.reduce(replaceOnce, await readFile(path, 'utf8')), loader: 'ts' }
          })
        },
      },
    ],
  })
  return outputFiles[0]?.text ?? ''
}

function replaceOnce(source: string, { file, find, replace }: Replacement): string {
  const [before, after, ...more] = source.split(find)
  if (before === undefined || after === undefined || more.length > 0) {
    throw new Error(`${file} does not hold this text exactly once: ${find}`)
  }
  return before + replace + after
}
