import { cp, writeFile } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { afterAll, beforeEach, describe, expect, it, vi } from 'vitest'
import { applyMigrations, dropEverything } from '../integration/schema.ts'
import { openSqlLogin } from '../integration/sql-login.ts'
import type { RunOptions } from '../prisma-config/cli.ts'
import { usePrismaCli } from '../prisma-config/use-prisma-cli.ts'

const here = dirname(fileURLToPath(import.meta.url))

const opened = usePrismaCli()

beforeEach(async () => {
  opened.azure.gateway.resetStats()
  opened.azure.gateway.clearFaults()
  await empty()
})
afterAll(empty)

async function empty(): Promise<void> {
  await dropEverything(opened.login.run)
  await opened.login.run('DROP TABLE IF EXISTS [_prisma_migrations]')
}

const prisma = (args: string[], options?: RunOptions) => opened.cli.run(args, options)

/** A copy of the example's migrations whose lock file names another provider. */
async function migrationsOf(provider: string): Promise<string> {
  const folder = join(opened.cli.folder, `migrations-${provider}`)
  await cp(join(here, '../../prisma/migrations'), folder, { recursive: true })
  await writeFile(join(folder, 'migration_lock.toml'), `provider = "${provider}"\n`)
  return folder
}

async function isThere(table: string): Promise<boolean> {
  const [row] = await opened.login.run(`SELECT OBJECT_ID('${table}') AS id`)
  return typeof row?.id === 'number'
}

describe('prisma', () => {
  it('migrate deploy applies the migrations, by token', async () => {
    const { output, code } = await prisma(['migrate', 'deploy'])
    expect(output).toContain('All migrations have been successfully applied.')
    expect(code).toBe(0)
    for (const table of ['User', 'Post', '_prisma_migrations']) expect(await isThere(table)).toBe(true)
    await vi.waitFor(() => expect(opened.azure.gateway.stats()).toMatchObject({ loginFailures: {}, sessionsOpen: 0 }))
    expect(opened.azure.gateway.stats().logins).toBeGreaterThan(1)

    expect((await prisma(['migrate', 'deploy'])).output).toContain('No pending migrations to apply.')
  })

  it('migrate deploy works on an encrypted way to the proxy too', async () => {
    const { output, code } = await prisma(['migrate', 'deploy'], { options: { encrypt: true } })
    expect({ output, code }).toMatchObject({ code: 0, output: expect.stringContaining('successfully applied') })
  })

  it('migrate status lists what is missing, and then that nothing is', async () => {
    const before = await prisma(['migrate', 'status'])
    expect(before.output).toContain('have not yet been applied')
    expect(before.code).toBe(1)
    await prisma(['migrate', 'deploy'])
    const after = await prisma(['migrate', 'status'])
    expect(after.output).toContain('Database schema is up to date!')
    expect(after.code).toBe(0)
  })

  it('db execute runs a script, and says what it waits for before', async () => {
    opened.azure.gateway.inject({ at: 'login', action: { refuse: { number: 40613 } }, times: 1 })
    const input = `CREATE TABLE [Executed] ([id] INT PRIMARY KEY); INSERT INTO [Executed] VALUES (42)`
    const options = { timing: { connectRetryInterval: 20 } }
    const { output, code } = await prisma(['db', 'execute', '--stdin'], { input, options })
    expect(output).toMatch(/^prisma-adapter-mssql-entra: .*not currently available.* Waiting 1 s before attempt 2\.$/m)
    expect(output).toContain('Script executed successfully.')
    expect(code).toBe(0)
    expect(await opened.login.run('SELECT [id] FROM [Executed]')).toEqual([{ id: 42 }])
    await opened.login.run('DROP TABLE [Executed]')
  })

  it.each(['validate', 'format', 'generate'])(
    '%s asks nothing of Entra or the server, and ends by itself',
    async (command) => {
      // The client goes beside the copy of the schema: the other tests are using theirs.
      const schema = join(opened.cli.folder, 'prisma/schema.prisma')
      await cp(join(here, '../../prisma/schema.prisma'), schema)
      const before = opened.azure.authority.issuedTokens.length
      const { code, output } = await prisma([command, '--schema', schema])
      expect({ code, output }).toMatchObject({ code: 0 })
      expect(opened.azure.gateway.stats().connections).toBe(0)
      expect(opened.azure.authority.issuedTokens).toHaveLength(before)
    },
  )

  it('migrate diff uses the shadow database that was named', async () => {
    const shadowDatabase = `${opened.azure.upstream.database}_shadow`
    await opened.login.run(`CREATE DATABASE [${shadowDatabase}]`)
    const migrations = await migrationsOf('sqlserver')
    const args = ['migrate', 'diff', '--from-migrations', migrations, '--to-empty', '--script']
    const { output, code } = await prisma(args, { options: { shadowDatabase } })
    expect(output).toContain('DROP TABLE [dbo].[EveryType];')
    expect(code).toBe(0)
    const shadow = await openSqlLogin({ ...opened.azure.upstream, database: shadowDatabase })
    expect(await shadow.run('SELECT COUNT(*) AS [users] FROM [User]')).toEqual([{ users: 0 }])
    await shadow.close()
    await opened.login.run(`DROP DATABASE [${shadowDatabase}]`)
  })

  it('migrate diff does not know the migrations of migrate dev, which is Prisma’s own fault', async () => {
    const args = ['migrate', 'diff', '--from-migrations', '../../../prisma/migrations', '--to-empty', '--script']
    const { output, code } = await prisma(args, { options: { shadowDatabase: 'app_shadow' } })
    expect(output).toContain('`mssql` is not a supported connector')
    expect(code).toBe(1)
  })

  it('migrate deploy refuses migrations whose lock file says sqlserver', async () => {
    await cp(join(here, '../../prisma/schema.prisma'), join(opened.cli.folder, 'locked/schema.prisma'))
    await cp(await migrationsOf('sqlserver'), join(opened.cli.folder, 'locked/migrations'), { recursive: true })
    const { output, code } = await prisma(['migrate', 'deploy'], { folder: join(opened.cli.folder, 'locked') })
    expect(output).toMatch(/P3019[\s\S]*`mssql` .* migration_lock\.toml, `sqlserver`/)
    expect(code).toBe(1)
    expect(await isThere('User')).toBe(false)
  })

  it('migrate diff stops on Azure where no shadow database was named, and says what to add', async () => {
    const args = ['migrate', 'diff', '--from-migrations', await migrationsOf('sqlserver'), '--to-empty', '--script']
    const host = 'app.database.windows.net'
    const { output, code } = await prisma(args, {
      host,
      server: { server: host, options: { serverName: 'localhost' } },
    })
    expect(output).toContain("{ shadowDatabase: 'app_shadow' }")
    expect(code).toBe(1)
  })

  it('db seed runs a script that signs in by itself', async () => {
    await applyMigrations(opened.login.run)
    const { output, code } = await prisma(['db', 'seed', '--', 'sown'])
    expect(output).toContain('There is now a tag sown.')
    expect(output).toContain('The seed command has been executed.')
    expect(code).toBe(0)
    expect(await opened.login.run('SELECT [name] FROM [Tag]')).toEqual([{ name: 'sown' }])

    const again = await prisma(['db', 'seed', '--', 'sown'])
    expect(again.output).toContain('Unique constraint failed')
    expect(again.code).toBe(1)
  })

  it('studio says that it does not know SQL Server', async () => {
    const { output, code } = await prisma(['studio', '--browser', 'none'])
    expect(output).toContain('Prisma Studio is not supported for the "sqlserver" protocol.')
    expect(code).toBe(1)
    expect(opened.azure.gateway.stats().connections).toBe(0)
  })

  it.each([
    [
      40615,
      "Client with IP address '192.0.2.1' is not allowed to access the server.",
      /firewall-rule create .* --start-ip-address 192\.0\.2\.1[\s\S]*\nError 40615: Client with IP address '192\.0\.2\.1' is not allowed/,
    ],
    [
      18456,
      "Login failed for user '<token-identified principal>'.",
      /CREATE USER \[local-app\] FROM EXTERNAL PROVIDER[\s\S]*P1000/,
    ],
  ])('prints the server’s error %i and what to do', async (number, message, printed) => {
    opened.azure.gateway.inject({ at: 'login', action: { refuse: { number, message } } })
    const { output, code } = await prisma(['migrate', 'deploy'])
    expect(output).toMatch(printed)
    expect(code).toBe(1)
    expect(await isThere('User')).toBe(false)
  })

  it('prints why there is no token', async () => {
    const fault = opened.azure.authority.inject({ status: 400, body: { error: 'invalid_request' } })
    try {
      const { output, code } = await prisma(['migrate', 'deploy'])
      expect(output).toMatch(
        /prisma-adapter-mssql-entra: DefaultAzureCredential could not get a token:\n- EnvironmentCredential/,
      )
      expect(output).toMatch(
        /Error 50000: Login failed for user 'entra_\w+'\. Reason: DefaultAzureCredential could not get a token\./,
      )
      expect(code).toBe(1)
    } finally {
      fault.clear()
    }
  })
})
