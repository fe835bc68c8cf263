import { readFileSync } from 'node:fs'
import { dirname, resolve } from 'node:path'
import { fileURLToPath } from 'node:url'
import { inspect } from 'node:util'
import { describe, expect, it, vi } from 'vitest'
import { type AdapterEvent, PrismaMssqlEntra, TokenSource } from '../src/index.ts'
import { VirtualClock } from './support/virtual-clock.ts'

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
        message: expect.stringContaining('Pass either tokenSource or credential and scope, not both.'),
      }),
    )
    expect(() => new PrismaMssqlEntra('sqlserver://h', { tokenSource, authentication: 'AzureCli' })).toThrow(
      'Pass either tokenSource or authentication, not both.',
    )
  })

  it('refuses a way to sign in that lacks something, wherever it is named', () => {
    vi.stubEnv('AZURE_CLIENT_SECRET', undefined)
    const text =
      'sqlserver://h;authentication=ActiveDirectoryServicePrincipal;user=7e4a0000-0000-4000-8000-0000000c1101'
    expect(() => new PrismaMssqlEntra(text)).toThrow(/ActiveDirectoryServicePrincipal (lacks|needs)/)
    expect(() => new PrismaMssqlEntra('sqlserver://h', { credential: ['AzureCli', 'Nonsense'] })).toThrow(/Nonsense/)
    new PrismaMssqlEntra(`${text};password={s3cret!}`, { tenantId: 'contoso.test' })
    vi.unstubAllEnvs()
  })

  it('reports what the options override in the config, by an event, or by a warning without onEvent', () => {
    const text = 'sqlserver://h;authentication=ActiveDirectoryManagedIdentity'
    const events: AdapterEvent[] = []
    const warn = vi.spyOn(process, 'emitWarning').mockImplementation(() => {})
    new PrismaMssqlEntra(text, { credential, clock: new VirtualClock(7), onEvent: (event) => events.push(event) })
    const message = 'The options contain a credential, so what the config says about signing in has no effect.'
    expect(events).toEqual([{ type: 'config.warning', at: 7, message, parameter: 'authentication' }])
    expect(warn).not.toHaveBeenCalled()
    new PrismaMssqlEntra(text, { credential })
    expect(warn.mock.calls).toEqual([[message, 'PrismaAdapterMssqlEntraWarning']])
  })

  it.each([
    ['a person', 180_000],
    ['a service', 15_000],
  ])('waits for %s for %i ms', async (who, timeout) => {
    class InteractiveBrowserCredential {
      getToken = () => new Promise<null>(() => {})
    }
    const { getToken } = new InteractiveBrowserCredential()
    const clock = new VirtualClock()
    const options = { credential: who === 'a person' ? new InteractiveBrowserCredential() : { getToken }, clock }
    let failed: unknown
    const connecting = new PrismaMssqlEntra('sqlserver://h', options).connect().catch((error: unknown) => {
      failed = error
    })
    await clock.advance(timeout - 1)
    expect(failed).toBeUndefined()
    await clock.advance(1)
    await connecting
    expect(failed).toMatchObject({
      code: 'P1000',
      cause: { code: 'TOKEN_UNAVAILABLE' },
      message: expect.stringContaining('No answer yet from'),
    })
    expect(clock.timers).toBe(0)
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
    ).rejects.toMatchObject({ cause: { code: 'TOKEN_INVALID' } })
    await expect(
      new PrismaMssqlEntra('sqlserver://h', { credential: asked, scope: 'mine' }).connect(),
    ).rejects.toMatchObject({ cause: { code: 'TOKEN_INVALID' } })
    expect(scopes).toEqual(['https://database.usgovcloudapi.net/.default', 'mine'])
  })

  it('has stats before it is connected', () => {
    expect(new PrismaMssqlEntra('sqlserver://h').stats()).toEqual({
      tokensRequested: 0,
      tokensAcquired: 0,
      refreshesFailed: 0,
      rotations: 0,
      connectionsOpen: 0,
      connecting: 0,
      inFlight: 0,
      waiting: 0,
      tokenExpiresOn: undefined,
      tokenSecondsLeft: undefined,
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
        else if (!specifier.startsWith('node:')) packages.add(specifier)
      }
    }
    visit(fileURLToPath(new URL('../src/index.ts', import.meta.url)))
    expect(seen.size).toBeGreaterThan(15)
    expect([...packages].sort()).toEqual(['@prisma/driver-adapter-utils', '@tediousjs/connection-string'])
  })
})
