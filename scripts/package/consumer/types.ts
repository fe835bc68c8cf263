/** The types of what users write, as they resolve from the packed package. Compiled, not run. */
import { type AccessToken, ManagedIdentityCredential } from '@azure/identity'
import type { SqlDriverAdapterFactory } from '@prisma/driver-adapter-utils'
import { expectTypeOf } from 'expect-type'
import type { config as MssqlConfig } from 'mssql'
import {
  type AdapterEvent,
  type AdapterStats,
  type Clock,
  type CredentialFunction,
  type CredentialLike,
  type EntraError,
  type EntraErrorCode,
  type EntraErrorMeta,
  type Lease,
  PrismaMssqlEntra,
  type PrismaMssqlEntraOptions,
  type RotationOptions,
  type RotationReason,
  type TokenAcquiredEvent,
  TokenSource,
  type TokenSourceOptions,
} from 'prisma-adapter-mssql-entra'
import { openTelemetry } from 'prisma-adapter-mssql-entra/opentelemetry'
import { startAuthority, startGateway } from 'prisma-adapter-mssql-entra/testing'
import { PrismaClient } from './generated/prisma/client.ts'

// Prisma Client takes the adapter.
expectTypeOf<PrismaMssqlEntra>().toExtend<SqlDriverAdapterFactory>()
expectTypeOf(new PrismaClient({ adapter: new PrismaMssqlEntra('sqlserver://localhost') })).toExtend<PrismaClient>()

// What is configured with is mssql's own config, not `any` for want of its types.
expectTypeOf<ConstructorParameters<typeof PrismaMssqlEntra>[0]>().toEqualTypeOf<MssqlConfig | string>()
expectTypeOf<MssqlConfig>().not.toBeAny()
expectTypeOf<MssqlConfig['server']>().toEqualTypeOf<string>()
new PrismaMssqlEntra({ server: 'localhost', pool: { max: 20 }, options: { encrypt: true } })
// @ts-expect-error mssql has no such option
new PrismaMssqlEntra({ server: 'localhost', databse: 'app' })
// @ts-expect-error a server has to be named
new PrismaMssqlEntra({ database: 'app' })
// @ts-expect-error there is nothing to connect to
new PrismaMssqlEntra()

// How to sign in.
new PrismaMssqlEntra('', { credential: new ManagedIdentityCredential() })
new PrismaMssqlEntra('', { credential: ['ActiveDirectoryManagedIdentity', 'AzureCli'] as const })
new PrismaMssqlEntra('', {
  credential: async (scope, { signal, tenantId }) => {
    expectTypeOf(scope).toEqualTypeOf<string>()
    expectTypeOf(signal).toEqualTypeOf<AbortSignal>()
    expectTypeOf(tenantId).toEqualTypeOf<string | undefined>()
    return { token: '', expiresOnTimestamp: 0 }
  },
})
expectTypeOf<CredentialFunction>().toExtend<CredentialLike>()
expectTypeOf<CredentialFunction>().returns.not.toBeAny()
expectTypeOf<AccessToken>().not.toBeAny()
// @ts-expect-error a number gives no token
new PrismaMssqlEntra('', { credential: 1 })

// Options are left out, or given; `undefined` is neither.
expectTypeOf<{ schema: undefined }>().not.toExtend<PrismaMssqlEntraOptions>()
expectTypeOf<PrismaMssqlEntraOptions['rotation']>().toEqualTypeOf<RotationOptions | undefined>()
expectTypeOf<RotationOptions['maxAge']>().toEqualTypeOf<number | undefined>()
expectTypeOf<PrismaMssqlEntraOptions['clock']>().toEqualTypeOf<Clock | undefined>()
// @ts-expect-error a typing error in the name of an option is seen
new PrismaMssqlEntra('', { rotation: { maxAgeMs: 1 } })

// Events are told apart by their type.
new PrismaMssqlEntra('', {
  onEvent(event) {
    expectTypeOf(event).toEqualTypeOf<AdapterEvent>()
    expectTypeOf(event.at).toEqualTypeOf<number>()
    if (event.type === 'token.acquired') expectTypeOf(event).toEqualTypeOf<TokenAcquiredEvent>()
    if (event.type === 'rotation.finished') expectTypeOf(event.reason).toEqualTypeOf<RotationReason>()
    if (event.type === 'config.warning') expectTypeOf(event.parameter).toEqualTypeOf<string>()
  },
})

// Errors.
expectTypeOf<EntraError>().toExtend<Error>()
expectTypeOf<EntraError['code']>().toEqualTypeOf<EntraErrorCode>()
expectTypeOf<'TOKEN_EXPIRED' | 'nonsense'>().not.toExtend<EntraErrorCode>()
expectTypeOf<EntraErrorMeta['driverAdapterError']>().toEqualTypeOf<EntraError>()

// Token sources and what they give.
const tokenSource = new TokenSource('AzureCli', { scope: 'https://database.windows.net/.default' })
expectTypeOf(tokenSource.get()).resolves.toEqualTypeOf<Lease>()
expectTypeOf<Lease['expiresOn']>().toEqualTypeOf<number>()
expectTypeOf<TokenSourceOptions['scope']>().toEqualTypeOf<string>()
expectTypeOf(new PrismaMssqlEntra('', { tokenSource }).stats()).toEqualTypeOf<AdapterStats>()
expectTypeOf<AdapterStats['inFlight']>().toEqualTypeOf<number>()

// OpenTelemetry, for the adapter and for a source.
new PrismaMssqlEntra('', { telemetry: openTelemetry({ poolName: 'app' }) })
new TokenSource('AzureCli', { scope: 'https://database.windows.net/.default', telemetry: openTelemetry() })
// @ts-expect-error the option takes what measures, not the function that makes it
new PrismaMssqlEntra('', { telemetry: openTelemetry })

// The stand-ins.
const authority = await startAuthority({ tokenLifetime: 10_000 })
const gateway = await startGateway({
  upstream: { host: 'localhost', user: 'sa', password: '' },
  verification: authority.verification,
})
expectTypeOf(gateway.port).toEqualTypeOf<number>()
new PrismaMssqlEntra('', { credential: { getToken: () => authority.issueToken() } })
// @ts-expect-error there is no such stage
gateway.inject({ at: 'lunch', action: { refuse: { number: 40613 } } })
