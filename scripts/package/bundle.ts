import { execFile } from 'node:child_process'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { gzipSync } from 'node:zlib'
import { type BuildOptions, build } from 'esbuild'
import { applyMigrations, dropEverything } from '../../test/integration/schema.ts'
import { openSqlLogin } from '../../test/integration/sql-login.ts'
import { startLocalAzure } from '../../test/local-azure.ts'
import { manifest } from './manifest.ts'

/** How `docs/serverless.md` says to bundle: the drivers are CommonJS and call `require()` for Node's own modules. */
const BUNDLE = {
  bundle: true,
  minify: true,
  platform: 'node',
  target: 'node20',
  format: 'esm',
  banner: { js: "import { createRequire } from 'node:module'; const require = createRequire(import.meta.url);" },
  metafile: true,
  logLevel: 'silent',
} satisfies BuildOptions

export interface Bundle {
  file: string
  /** Of the file, in bytes. */
  size: number
  /** Our own share of it, in bytes. */
  ours: number
}

/** Bundles a program of the consumer's into one minified file, in a folder where nothing else is. */
export async function bundleProgram(folder: string, program: string, deployed: string): Promise<Bundle> {
  const file = join(deployed, program.replace(/\.ts$/, '.mjs'))
  const { metafile } = await build({ ...BUNDLE, absWorkingDir: folder, entryPoints: [program], outfile: file })
  const [output] = Object.values(metafile.outputs)
  if (output === undefined) throw new Error('esbuild wrote nothing')
  const ours = Object.entries(output.inputs)
    .filter(([path]) => path.startsWith(`node_modules/${manifest.name}/`))
    .reduce((sum, [, { bytesInOutput }]) => sum + bytesInOutput, 0)
  return { file, size: output.bytes, ours }
}

/** What the main export is by itself, minified, with every dependency outside; in bytes. */
export async function ownSize(folder: string): Promise<{ minified: number; gzipped: number }> {
  const { outputFiles } = await build({
    ...BUNDLE,
    banner: {},
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

/** Runs a bundle by itself against a local Azure, as a managed identity. @returns what it told */
export async function runBundle(file: string): Promise<unknown> {
  const azure = await startLocalAzure()
  const login = await openSqlLogin(azure.upstream)
  try {
    await login.lock('prisma-adapter-mssql-entra tests')
    await dropEverything(login.run)
    await applyMigrations(login.run)
    const { stdout } = await promisify(execFile)(process.execPath, [file], {
      env: { ...process.env, ...azure.authority.environment('app-service'), CONFIG: JSON.stringify(azure.config()) },
      timeout: 60_000,
    })
    return JSON.parse(stdout)
  } finally {
    await dropEverything(login.run)
    await login.close()
    await azure.close()
  }
}
