import type { AccessToken, TokenCredential } from '@azure/identity'
import type { config as MssqlConfig } from 'mssql'
import { targetOf } from '../src/login/target.ts'
import { startProxy } from '../src/proxy/proxy.ts'
import { type Authority, startAuthority } from '../src/testing/authority/authority.ts'
import type { Principal } from '../src/testing/authority/principals.ts'
import { type Gateway, startGateway } from '../src/testing/gateway/gateway.ts'
import type { Upstream } from '../src/testing/gateway/upstream.ts'
import { TokenSource } from '../src/token/token-source.ts'
import { type RunningUpstream, startUpstream } from './upstream.ts'

export interface LocalAzureOptions {
  /** How long tokens live, in ms. @defaultValue 3_600_000 (1 h) */
  tokenLifetime?: number
  /** Who gets tokens. @defaultValue those of the authority */
  principals?: readonly Principal[]
  /** How long each byte takes between client and gateway, in each direction, in ms. @defaultValue 0 */
  linkDelay?: number
  /** What stands behind the gateway; it is closed with the rest. @defaultValue {@link startUpstream} */
  upstream?: RunningUpstream
}

/** An authority, a gateway that takes its tokens, and a SQL Server behind it: the engine, or a real one. */
export interface LocalAzure {
  readonly authority: Authority
  readonly gateway: Gateway
  /** The server behind the gateway, and the SQL login that every principal is there. */
  readonly upstream: Required<Upstream>
  /** A new config for the gateway, with TLS verified; fields of `options`, like the others, may be overridden. */
  config(overrides?: Partial<MssqlConfig>): MssqlConfig
  /** The same as a string, with these parameters; one cannot name the authority of a certificate. */
  connectionString(parameters?: Record<string, string>): string
  /** A credential that asks nobody: it has tokens signed. For real ones see {@link Authority.environment}. */
  credential(): TokenCredential
  close(): Promise<void>
}

/**
 * Starts a local Azure on free ports of 127.0.0.1; its upstream is a real SQL Server where `SQLSERVER_URL` is set. With
 * `THROUGH_PROXY=1` the loopback proxy stands in front of the upstream, so that all goes through it too.
 */
export async function startLocalAzure(options: LocalAzureOptions = {}): Promise<LocalAzure> {
  const [authority, upstream] = await Promise.all([
    startAuthority({
      ...(options.tokenLifetime !== undefined && { tokenLifetime: options.tokenLifetime }),
      ...(options.principals !== undefined && { principals: options.principals }),
    }),
    options.upstream ?? startUpstream(),
  ])
  const detour = process.env.THROUGH_PROXY ? await startDetour(authority, upstream.server) : undefined
  const gateway = await startGateway({
    upstream: detour?.server ?? upstream.server,
    verification: authority.verification,
    // What tests of Azure's own rules call it.
    hosts: ['app.database.windows.net'],
    ...(options.linkDelay !== undefined && { linkDelay: options.linkDelay }),
  })
  const { database } = upstream.server
  return {
    authority,
    gateway,
    upstream: upstream.server,
    config: (overrides = {}) => ({
      server: 'localhost',
      port: gateway.port,
      database,
      ...overrides,
      options: { encrypt: true, cryptoCredentialsDetails: { ca: gateway.ca }, ...overrides.options },
    }),
    connectionString(parameters = {}) {
      const given = Object.entries({ database, ...parameters }).map(([name, value]) => `;${name}={${value}}`)
      return `sqlserver://localhost:${gateway.port}${given.join('')}`
    },
    credential: () => ({ getToken: (): Promise<AccessToken> => authority.issueToken() }),
    async close() {
      await gateway.close()
      await detour?.close()
      await Promise.all([authority.close(), upstream.close()])
    },
  }
}

/** A proxy with a gateway of its own behind it: takes a SQL login, as the upstream does, and brings tokens to it. */
async function startDetour(authority: Authority, upstream: Required<Upstream>) {
  const gateway = await startGateway({ upstream, verification: authority.verification })
  const proxy = await startProxy({
    target: targetOf({
      server: 'localhost',
      port: gateway.port,
      database: upstream.database,
      options: { cryptoCredentialsDetails: { ca: gateway.ca } },
    }),
    // Whoever sends is judged at the first gateway, whose tokens may be short-lived; these are not.
    tokenSource: new TokenSource(
      { getToken: () => authority.issueToken({ lifetime: 3_600_000 }) },
      { scope: 'detour' },
    ),
  })
  const { host, port, user, password } = proxy
  return {
    server: { host, port, user, password, encrypt: false },
    async close() {
      await proxy.close()
      await gateway.close()
    },
  }
}
