import { readFileSync } from 'node:fs'
import { dirname, resolve } from 'node:path'
import { fileURLToPath } from 'node:url'
import { inspect } from 'node:util'
import { describe, expect, it } from 'vitest'
import { PrismaMssqlEntra, TokenSource } from '../src/index.ts'

const credential = { getToken: async () => null }

describe('the factory', () => {
  it('is a driver adapter factory for SQL Server', () => {
    expect(new PrismaMssqlEntra('sqlserver://h')).toMatchObject({
      provider: 'sqlserver',
      adapterName: 'prisma-adapter-mssql-entra',
    })
  })

  it('does not change the config it is given', () => {
    const config = Object.freeze({
      server: 'h',
      options: Object.freeze({ appName: 'x' }),
      pool: Object.freeze({ max: 2 }),
    })
    new PrismaMssqlEntra(config, { credential })
  })

  it('takes a credential or a token source, not both', () => {
    const tokenSource = new TokenSource(credential, { scope: 's' })
    expect(() => new PrismaMssqlEntra('sqlserver://h', { tokenSource, credential, scope: 's' })).toThrow(
      expect.objectContaining({
        code: 'CONFIG_INVALID',
        message: 'Pass either tokenSource or credential and scope, not both.',
      }),
    )
  })

  it('asks for the scope of the cloud that its server is in', async () => {
    const scopes: unknown[] = []
    const asked = {
      async getToken(scope: unknown) {
        scopes.push(scope)
        return null
      },
    }
    await expect(
      new PrismaMssqlEntra('sqlserver://x.database.usgovcloudapi.net', { credential: asked }).connect(),
    ).rejects.toMatchObject({ code: 'TOKEN_INVALID' })
    await expect(
      new PrismaMssqlEntra('sqlserver://h', { credential: asked, scope: 'mine' }).connect(),
    ).rejects.toMatchObject({ code: 'TOKEN_INVALID' })
    expect(scopes).toEqual(['https://database.usgovcloudapi.net/.default', 'mine'])
  })

  it('has stats before it is connected', () => {
    expect(new PrismaMssqlEntra('sqlserver://h').stats()).toEqual({
      tokensRequested: 0,
      tokensAcquired: 0,
      refreshesFailed: 0,
      rotations: 0,
      generation: undefined,
      draining: [],
      connectionsOpen: 0,
      inFlight: 0,
      waiting: 0,
    })
  })

  it('shows nothing of its credential', () => {
    const secretive = { getToken: async () => null, clientSecret: 'geheim' }
    const adapter = new PrismaMssqlEntra('sqlserver://h', { credential: secretive })
    expect(inspect(adapter, { depth: 10, showHidden: true, getters: true })).not.toContain('geheim')
  })
})

describe('importing the package', () => {
  it('loads neither the driver nor @azure/identity', () => {
    const packages = new Set<string>()
    const seen = new Set<string>()
    const visit = (file: string) => {
      if (seen.has(file)) return
      seen.add(file)
      const statements = readFileSync(file, 'utf8').matchAll(/^(?:import|export) (?!type\b)[^'"]*?from '([^']+)'/gm)
      for (const [statement, specifier = ''] of statements) {
        const names = /\{([^}]*)\}/
          .exec(statement)?.[1]
          ?.split(',')
          .filter((name) => name.trim() !== '')
        if (names?.every((name) => name.trim().startsWith('type '))) continue
        if (specifier.startsWith('.')) visit(resolve(dirname(file), specifier))
        else packages.add(specifier)
      }
    }
    visit(fileURLToPath(new URL('../src/index.ts', import.meta.url)))
    expect(seen.size).toBeGreaterThan(15)
    expect([...packages].sort()).toEqual([
      '@prisma/driver-adapter-utils',
      'node:diagnostics_channel',
      'node:dns/promises',
      'node:events',
      'node:net',
    ])
  })
})
