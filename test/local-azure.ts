import type { AccessToken, TokenCredential } from '@azure/identity'
import type { config as MssqlConfig } from 'mssql'
import { type Authority, startAuthority } from '../src/testing/authority/authority.ts'
import { type Gateway, startGateway } from '../src/testing/gateway/gateway.ts'
import type { Upstream } from '../src/testing/gateway/upstream.ts'
import { startUpstream } from './upstream.ts'

export interface LocalAzureOptions {
  /** How long tokens live, in ms. @defaultValue 3_600_000 (1 h) */
  tokenLifetime?: number
  /** How long each byte takes between client and gateway, in each direction, in ms. @defaultValue 0 */
  linkDelay?: number
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

/** Starts a local Azure on free ports of 127.0.0.1; its upstream is a real SQL Server where `SQLSERVER_URL` is set. */
export async function startLocalAzure(options: LocalAzureOptions = {}): Promise<LocalAzure> {
  const [authority, upstream] = await Promise.all([
    startAuthority({ ...(options.tokenLifetime !== undefined && { tokenLifetime: options.tokenLifetime }) }),
    startUpstream(),
  ])
  const gateway = await startGateway({
    upstream: upstream.server,
    verification: authority.verification,
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
      await Promise.all([authority.close(), upstream.close()])
    },
  }
}
