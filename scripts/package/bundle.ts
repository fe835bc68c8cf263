import { readFileSync } from 'node:fs'
import { delimiter, join } from 'node:path'
import { gzipSync } from 'node:zlib'
import { build, type Metafile } from 'esbuild'
import { ROOT, run } from '../support/commands.ts'
import { documentedCommand } from './bundlers.ts'
import { manifest } from './manifest.ts'

export interface Bundle {
  file: string
  /** Of the file, in bytes. */
  size: number
  /** Our own share of it, in bytes. */
  ours: number
}

/** Bundles a program of the consumer's by the command that `docs/bundling.md` has, in a folder where nothing else is. */
export function bundleProgram(folder: string, program: string, deployed: string): Bundle {
  const file = join(deployed, program.replace(/\.ts$/, '.mjs'))
  const metafile = join(folder, `${program}.json`)
  const documented = documentedCommand('--format=esm').replace('npx ', '').replace('src/handler.ts', program)
  const command = `${documented} --log-level=error --metafile=${metafile}`
  run('sh', ['-c', command.replace('dist/handler.mjs', file)], {
    cwd: folder,
    env: { PATH: [join(ROOT, 'node_modules/.bin'), process.env.PATH].join(delimiter) },
  })
  const { outputs }: Metafile = JSON.parse(readFileSync(metafile, 'utf8'))
  const [output] = Object.values(outputs)
  if (output === undefined) throw new Error('esbuild wrote nothing')
  const ours = Object.entries(output.inputs)
    .filter(([path]) => path.startsWith(`node_modules/${manifest.name}/`))
    .reduce((sum, [, { bytesInOutput }]) => sum + bytesInOutput, 0)
  return { file, size: output.bytes, ours }
}

/** The same in several files (`--splitting`), where esbuild gives `import()` of CommonJS no names. @returns the first */
export async function splitProgram(folder: string, program: string, deployed: string): Promise<string> {
  await build({
    ...{ bundle: true, splitting: true, platform: 'node', target: 'node20', format: 'esm', logLevel: 'error' },
    ...{ absWorkingDir: folder, entryPoints: [program], outdir: deployed, outExtension: { '.js': '.mjs' } },
    banner: { js: "import { createRequire } from 'node:module'; const require = createRequire(import.meta.url);" },
  })
  return join(deployed, program.replace(/\.ts$/, '.mjs'))
}

/** What the main export is by itself, minified, with every dependency outside; in bytes. */
export async function ownSize(folder: string): Promise<{ minified: number; gzipped: number }> {
  const { outputFiles } = await build({
    bundle: true,
    minify: true,
    platform: 'node',
    target: 'node20',
    format: 'esm',
    logLevel: 'silent',
    absWorkingDir: folder,
    stdin: { contents: `export * from '${manifest.name}'`, resolveDir: folder },
    plugins: [
      {
        name: 'dependencies stay outside',
        setup({ onResolve }) {
          const main = join(folder, 'node_modules', manifest.name, 'dist/index.js')
          onResolve({ filter: /^[^./]/ }, ({ path }) => (path === manifest.name ? { path: main } : { external: true }))
        },
      },
    ],
    write: false,
  })
  const [output] = outputFiles
  if (output === undefined) throw new Error('esbuild wrote nothing')
  return { minified: output.contents.length, gzipped: gzipSync(output.contents).length }
}
