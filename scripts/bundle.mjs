// Makes one file of each entry of dist/, and of what they share: a hundred small ones take some 30 ms to import. Of the
// declarations those stay that an entry's lead to.
import { readdir, readFile, rm, rmdir } from 'node:fs/promises'
import { dirname, join, relative } from 'node:path'
import { fileURLToPath } from 'node:url'
import { build } from 'esbuild'

const root = dirname(dirname(fileURLToPath(import.meta.url)))
const dist = join(root, 'dist')
const { exports, bin } = JSON.parse(await readFile(join(root, 'package.json'), 'utf8'))
const entries = [...Object.values(exports).flatMap((entry) => entry.default ?? []), ...Object.values(bin)]
const { metafile } = await build({
  entryPoints: entries.map((name) => join(root, name)),
  outdir: dist,
  outbase: dist,
  allowOverwrite: true,
  bundle: true,
  splitting: true,
  packages: 'external',
  platform: 'node',
  target: 'node20.19',
  format: 'esm',
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
const types = Object.values(exports).flatMap((entry) => (entry.types ? [relative(dist, join(root, entry.types))] : []))
const kept = new Set([...made, ...(await reachable(types))])
const files = await readdir(dist, { recursive: true, withFileTypes: true })
for (const file of files.filter((entry) => entry.isFile())) {
  const path = join(file.parentPath, file.name)
  if (!kept.has(relative(dist, path)) && /\.(js|d\.c?ts)$/.test(path)) await rm(path)
}
for (const folder of files.filter((entry) => entry.isDirectory()).reverse()) {
  await rmdir(join(folder.parentPath, folder.name)).catch(() => {}) // those that hold something stay
}

/** The declarations that these lead to. */
async function reachable(names, seen = new Set()) {
  for (const name of names) {
    if (seen.has(name)) continue
    seen.add(name)
    const text = await readFile(join(dist, name), 'utf8')
    const paths = [...text.matchAll(/(?:from|import)\s*\(?\s*['"](\.[^'"]+)['"]/g)].map(([, path]) => path)
    const next = paths.map((path) => join(dirname(name), path.replace(/(\.d)?\.[jt]s$/, '.d.ts')))
    await reachable(
      next.filter((path) => path.endsWith('.d.ts')),
      seen,
    )
  }
  return seen
}
