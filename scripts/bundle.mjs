// Makes one file of each entry of dist/, and of what they share: a hundred small ones take some 30 ms to import. Of the
// declarations those stay that an entry's lead to. Then makes dist/cjs/ of it: the same files as CommonJS, for what
// cannot require() an ES module (Jest).
import { mkdir, readdir, readFile, rm, rmdir, writeFile } from 'node:fs/promises'
import { dirname, join, relative } from 'node:path'
import { fileURLToPath } from 'node:url'
import { build } from 'esbuild'

const root = dirname(dirname(fileURLToPath(import.meta.url)))
const dist = join(root, 'dist')
const { exports, bin } = JSON.parse(await readFile(join(root, 'package.json'), 'utf8'))
const modules = Object.values(exports).flatMap((entry) => entry.import ?? [])
const shared = { platform: 'node', target: 'node20.19', logLevel: 'warning', outbase: dist }
const { metafile } = await build({
  ...shared,
  entryPoints: [...modules.map((module) => module.default), ...Object.values(bin)].map((name) => join(root, name)),
  outdir: dist,
  allowOverwrite: true,
  bundle: true,
  splitting: true,
  packages: 'external',
  format: 'esm',
  metafile: true,
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
const inDist = (path) => relative(dist, join(root, path))
const outputs = new Map(Object.entries(metafile.outputs).map(([path, output]) => [inDist(path), output]))
const types = await reachable(modules.map((module) => inDist(module.types)))
await keepOnly(new Set([...outputs.keys(), ...types]))

const code = modulesOf(modules.map((module) => inDist(module.default)))
await build({
  ...shared,
  entryPoints: [...code].filter((name) => name.endsWith('.js')).map((name) => join(dist, name)),
  outdir: join(dist, 'cjs'),
  format: 'cjs',
  // By require(), too: Jest has no import() either.
  supported: { 'dynamic-import': false },
})
for (const name of [...types, ...code].filter((path) => !path.endsWith('.js'))) {
  const text = await readFile(join(dist, name), 'utf8')
  await mkdir(dirname(join(dist, 'cjs', name)), { recursive: true })
  await writeFile(join(dist, 'cjs', name), withTypesOfEsModules(text))
}
await writeFile(join(dist, 'cjs/package.json'), '{ "type": "commonjs" }\n')

/** With `module: node16`, TypeScript lets CommonJS import the types of jose, an ES module alone, only in this form. */
function withTypesOfEsModules(declarations) {
  return declarations.replace(
    /^import (?:type )?\{(.*)\} from 'jose';/m,
    (_, names) => `import type {${names.replaceAll('type ', '')}} from 'jose' with { 'resolution-mode': 'import' };`,
  )
}

/** The files that these lead to, CommonJS too. */
function modulesOf(names, seen = new Set()) {
  for (const name of names) {
    if (seen.has(name)) continue
    seen.add(name)
    const imports = outputs.get(name)?.imports ?? []
    modulesOf(
      imports.flatMap(({ path, external }) => (external ? (path.startsWith('./') ? join(path) : []) : inDist(path))),
      seen,
    )
  }
  return seen
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

/** Removes other code and declarations, and the folders that are then empty. */
async function keepOnly(kept) {
  const files = await readdir(dist, { recursive: true, withFileTypes: true })
  for (const file of files.filter((entry) => entry.isFile())) {
    const path = join(file.parentPath, file.name)
    if (!kept.has(relative(dist, path)) && /\.(js|d\.c?ts)$/.test(path)) await rm(path)
  }
  for (const folder of files.filter((entry) => entry.isDirectory()).reverse()) {
    await rmdir(join(folder.parentPath, folder.name)).catch(() => {}) // those that hold something stay
  }
}
