/**
 * Stands in for Prisma's schema engine, which cannot be had here (`PRISMA_SCHEMA_ENGINE_BINARY`): is called by Prisma's
 * own CLI as the real one is, with JSON-RPC on its standard streams, and works on the URL it is given with user and
 * password. Of schemas it knows models with scalar fields and a primary key: what Prisma's commands need to be seen at
 * work from end to end.
 */
import { createInterface } from 'node:readline'
import { readUrl } from '../../support/sqlserver-url.ts'
import { Database, EngineError, quoted } from './database.ts'
import { methodsFor } from './methods.ts'
import { refuseOtherProvider } from './migrations.ts'
import type { Datasource } from './shadow.ts'

const option = (name: string) => process.argv[process.argv.indexOf(name) + 1]
const datasource: Datasource = JSON.parse(option('--datasource') ?? '{"url":""}')

const send = (message: object) => process.stdout.write(`${JSON.stringify({ jsonrpc: '2.0', ...message })}\n`)
const methods = methodsFor(datasource, (content) => send({ id: 1, method: 'print', params: { content } }))

/** The engine's log: the CLI passes over its first line, and reads the last error off it. */
function logError({ message, code }: EngineError): void {
  const line = (level: string, fields: object) => JSON.stringify({ level, target: 'schema_engine::logger', fields })
  const lines = [line('INFO', { message: 'Starting schema engine CLI' }), line('ERROR', { message, error_code: code })]
  process.stderr.write(lines.join('\n'))
}

/** What the engine does outside of JSON-RPC, by the words on its command line. */
const COMMANDS: Readonly<Record<string, () => Promise<unknown>>> = {
  'can-connect-to-database': () => Database.using(datasource.url, async () => {}),
  'create-database': () => {
    const name = readUrl(datasource.url).value('database')
    return Database.using(datasource.url, (master) => master.run(`CREATE DATABASE ${quoted(name)}`), 'master')
  },
}

async function serveCli(command: string): Promise<void> {
  try {
    await COMMANDS[command]?.()
  } catch (error) {
    logError(error as EngineError)
    process.exitCode = 1
  }
}

async function answer(line: string): Promise<void> {
  const { id, method, params } = JSON.parse(line)
  if (method === undefined) return
  try {
    const work = methods[method]
    if (work === undefined) throw new EngineError(`The stand-in does not know ${method}.`)
    if (params?.migrationsList !== undefined) refuseOtherProvider(params.migrationsList)
    send({ id, result: await work(params as never) })
  } catch (error) {
    const { message, code } = error as EngineError
    const data = { is_panic: false, message, error_code: code ?? null, meta: null }
    send({ id, error: { code: 4466, message, data } })
  }
}

const command = process.argv.find((word) => word in COMMANDS)
if (command !== undefined) await serveCli(command)
else for await (const line of createInterface(process.stdin)) void answer(line)
