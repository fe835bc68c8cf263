import { MSSQL_SCHEMA } from '@tediousjs/connection-string'
import { keyOf } from './parameters.ts'
import type { Value } from './value.ts'

/** A parameter that is known, and means nothing here. */
export interface WithoutEffect {
  readonly secret?: true
  /** A value that means the same as leaving the parameter out. `*`: any. */
  readonly harmless?: string
  /** What to do instead. */
  readonly instead?: string
}

const OTHERS: Readonly<Record<string, WithoutEffect>> = {
  driver: { harmless: '*' },
  'persist security info': { harmless: '*' },
  'ip address preference': { harmless: 'ipv4first' },
  'server certificate': { instead: 'For a CA of your own there is trustServerCertificateCA.' },
  'server spn': {},
  'failover partner spn': {},
  'attestation protocol': {},
  'enclave attestation url': {},
  msiEndpoint: { instead: '@azure/identity finds the endpoint by the environment.' },
  msiSecret: { secret: true, instead: '@azure/identity finds it in the environment.' },
  clientKey: { instead: 'Put the private key into the same PEM file as the certificate.' },
  keyStoreSecret: { secret: true },
  trustStorePassword: { secret: true },
  keyVaultProviderClientKey: { secret: true },
}

/** By key: all of SqlClient's keywords, and others. Look among the parameters first. */
const WITHOUT_EFFECT: ReadonlyMap<string, WithoutEffect> = new Map([
  ...Object.entries(MSSQL_SCHEMA).flatMap(([name, { aliases = [], default: harmless }]) =>
    [name, ...aliases].map((it) => [keyOf(it), harmless === undefined ? {} : { harmless: String(harmless) }] as const),
  ),
  ...Object.entries(OTHERS).map(([name, entry]) => [keyOf(name), entry] as const),
])

/** The parameter without effect of a name, unless the name has an effect. */
export function withoutEffect(name: string): WithoutEffect | undefined {
  return WITHOUT_EFFECT.get(keyOf(name))
}

/** Warns, unless the value is harmless. */
export function warnOf({ harmless, instead }: WithoutEffect, value: Value): void {
  const text = value.text.toLowerCase().replace(/^yes$/, 'true').replace(/^no$/, 'false')
  if (harmless === '*' || harmless?.toLowerCase() === text) return
  value.warn(`${value.name} has no effect in this adapter.${instead === undefined ? '' : ` ${instead}`}`)
}
