// Makes one file of each entry of dist/, and of what they share: a hundred small ones take some 30 ms to import.
import { readdir, rm } from 'node:fs/promises'
import { dirname, join, relative } from 'node:path'
import { fileURLToPath } from 'node:url'
import { build } from 'esbuild'

const dist = join(dirname(dirname(fileURLToPath(import.meta.url))), 'dist')
const modules = (await readdir(dist, { recursive: true })).filter((name) => /\.js(\.map)?$/.test(name))
const { metafile } = await build({
  entryPoints: ['index.js', 'testing/index.js'].map((name) => join(dist, name)),
  outdir: dist,
  allowOverwrite: true,
  bundle: true,
  splitting: true,
  packages: 'external',
  platform: 'node',
  target: 'node20.19',
  format: 'esm',
  sourcemap: true,
  metafile: true,
  logLevel: 'warning',
  plugins: [
    {
      name: 'CommonJS stays a file',
      setup({ onResolve }) {
        // Every output that imports one lies in dist itself.
        onResolve({ filter: /\.cjs$/ }, ({ path, resolveDir }) => ({
          path: `./${relative(dist, join(resolveDir, path))}`,
          external: true,
        }))
      },
    },
  ],
})
const made = new Set(Object.keys(metafile.outputs).map((path) => relative(dist, join(process.cwd(), path))))
await Promise.all(modules.filter((name) => !made.has(name)).map((name) => rm(join(dist, name))))
