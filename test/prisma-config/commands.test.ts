import { execFile } from 'node:child_process'
import { chmod, cp, mkdtemp, rm, writeFile } from 'node:fs/promises'
import { createRequire } from 'node:module'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { fileURLToPath, pathToFileURL } from 'node:url'
import { afterAll, beforeAll, beforeEach, describe, expect, it, vi } from 'vitest'
import type { EntraDatasourceOptions } from '../../src/prisma-config.ts'
import { dropEverything } from '../integration/schema.ts'
import { openSqlLogin, type SqlLogin } from '../integration/sql-login.ts'
import { type LocalAzure, startLocalAzure } from '../local-azure.ts'

const here = dirname(fileURLToPath(import.meta.url))
const resolve = createRequire(import.meta.url).resolve
const CLI = join(dirname(resolve('prisma/package.json')), 'build/index.js')

let azure: LocalAzure
let login: SqlLogin
let folder: string
let engine: string

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'prisma-commands-'))
  engine = await makeEngine()
  azure = await startLocalAzure()
  login = await openSqlLogin(azure.upstream)
  await login.lock('prisma-adapter-mssql-entra tests')
}, 600_000)
beforeEach(async () => {
  azure.gateway.resetStats()
  azure.gateway.clearFaults()
  await dropEverything(login.run)
  await login.run('DROP TABLE IF EXISTS [_prisma_migrations]')
})
afterAll(async () => {
  await dropEverything(login.run)
  await login.run('DROP TABLE IF EXISTS [_prisma_migrations]')
  await login.close()
  await azure.close()
  await rm(folder, { recursive: true })
})

/** An executable for `PRISMA_SCHEMA_ENGINE_BINARY`: the stand-in, run by this Node. */
async function makeEngine(): Promise<string> {
  const loader = pathToFileURL(resolve('tsx')).href
  const command = [process.execPath, '--import', loader, join(here, 'schema-engine.ts')]
  const file = join(folder, 'schema-engine')
  await writeFile(file, `#!/bin/sh\nexec ${command.map((word) => `'${word}'`).join(' ')} "$@"\n`)
  await chmod(file, 0o755)
  return file
}

interface Ended {
  code: number
  output: string
}

/** Runs one of Prisma's own commands in the project, signed in as App Service's managed identity would be. */
function prisma(
  args: string[],
  { input, options = {}, server = {} }: { input?: string; options?: EntraDatasourceOptions; server?: object } = {},
): Promise<Ended> {
  const config = { ...azure.config(), ...server }
  const env = {
    ...process.env,
    ...azure.authority.environment('app-service'),
    PRISMA_SCHEMA_ENGINE_BINARY: engine,
    ENTRA_DATASOURCE: JSON.stringify({ server: config, options }),
    PRISMA_HIDE_UPDATE_MESSAGE: '1',
    CHECKPOINT_DISABLE: '1',
    NO_COLOR: '1',
  }
  return new Promise((done) => {
    const cwd = join(here, 'project')
    const child = execFile(
      process.execPath,
      [CLI, ...args],
      { cwd, env, timeout: 180_000 },
      (error, stdout, stderr) => {
        done({ code: error === null ? 0 : Number(error.code ?? -1), output: stdout + stderr })
      },
    )
    child.stdin?.end(input ?? '')
  })
}

async function isThere(table: string): Promise<boolean> {
  const [row] = await login.run(`SELECT OBJECT_ID('${table}') AS id`)
  return typeof row?.id === 'number'
}

describe('prisma', () => {
  it('migrate deploy applies the migrations, by token', async () => {
    const { output, code } = await prisma(['migrate', 'deploy'])
    expect(output).toContain('All migrations have been successfully applied.')
    expect(code).toBe(0)
    for (const table of ['User', 'Post', '_prisma_migrations']) expect(await isThere(table)).toBe(true)
    await vi.waitFor(() => expect(azure.gateway.stats()).toMatchObject({ loginFailures: {}, sessionsOpen: 0 }))
    expect(azure.gateway.stats().logins).toBeGreaterThan(1)

    expect((await prisma(['migrate', 'deploy'])).output).toContain('No pending migrations to apply.')
  })

  it('migrate status tells what is missing, and then that nothing is', async () => {
    const before = await prisma(['migrate', 'status'])
    expect(before.output).toContain('have not yet been applied')
    expect(before.code).toBe(1)
    await prisma(['migrate', 'deploy'])
    const after = await prisma(['migrate', 'status'])
    expect(after.output).toContain('Database schema is up to date!')
    expect(after.code).toBe(0)
  })

  it('db execute runs a script', async () => {
    const input = `CREATE TABLE [Executed] ([id] INT PRIMARY KEY); INSERT INTO [Executed] VALUES (42)`
    const { output, code } = await prisma(['db', 'execute', '--stdin'], { input })
    expect(output).toContain('Script executed successfully.')
    expect(code).toBe(0)
    expect(await login.run('SELECT [id] FROM [Executed]')).toEqual([{ id: 42 }])
    await login.run('DROP TABLE [Executed]')
  })

  it.each(['validate', 'generate'])('%s asks nothing of Entra or the server, and ends by itself', async (command) => {
    // The client goes beside the copy of the schema: the other tests are using theirs.
    const schema = join(folder, 'prisma/schema.prisma')
    await cp(join(here, '../../prisma/schema.prisma'), schema)
    const before = azure.authority.issuedTokens.length
    const { code, output } = await prisma([command, '--schema', schema])
    expect({ code, output }).toMatchObject({ code: 0 })
    expect(azure.gateway.stats().connections).toBe(0)
    expect(azure.authority.issuedTokens).toHaveLength(before)
  })

  it('migrate diff uses the shadow database that was named', async () => {
    const shadowDatabase = `${azure.upstream.database}_shadow`
    await login.run(`CREATE DATABASE [${shadowDatabase}]`)
    const args = ['migrate', 'diff', '--from-migrations', '../../../prisma/migrations', '--to-empty', '--script']
    const { output, code } = await prisma(args, { options: { shadowDatabase } })
    expect(output).toContain(`-- by ${shadowDatabase}`)
    expect(code).toBe(0)
    await login.run(`DROP DATABASE [${shadowDatabase}]`)
  })

  it('migrate diff stops on Azure where no shadow database was named, and says what to add', async () => {
    const args = ['migrate', 'diff', '--from-migrations', '../../../prisma/migrations', '--to-empty', '--script']
    const { output, code } = await prisma(args, { server: { server: 'example.database.windows.net' } })
    expect(output).toContain("{ shadowDatabase: 'app_shadow' }")
    expect(code).toBe(1)
    expect(azure.gateway.stats().connections).toBe(0)
  })

  it.each([
    [
      40615,
      "Client with IP address '192.0.2.1' is not allowed to access the server.",
      /Error 40615: [\s\S]*firewall-rule create .* --start-ip-address 192\.0\.2\.1/,
    ],
    [
      18456,
      "Login failed for user '<token-identified principal>'.",
      /CREATE USER \[local-app\] FROM EXTERNAL PROVIDER[\s\S]*P1000/,
    ],
  ])('prints the server’s error %i and what to do', async (number, message, printed) => {
    azure.gateway.inject({ at: 'login', action: { refuse: { number, message } } })
    const { output, code } = await prisma(['migrate', 'deploy'])
    expect(output).toMatch(printed)
    expect(code).toBe(1)
    expect(await isThere('User')).toBe(false)
  })

  it('prints why there is no token', async () => {
    const fault = azure.authority.inject({ status: 400, body: { error: 'invalid_request' } })
    try {
      const { output, code } = await prisma(['migrate', 'deploy'])
      expect(output).toMatch(/Error 50000: DefaultAzureCredential could not give a token:\n- EnvironmentCredential/)
      expect(code).toBe(1)
    } finally {
      fault.clear()
    }
  })
})
