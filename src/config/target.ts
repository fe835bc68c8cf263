import type { config as MssqlConfig } from 'mssql'
import { type Address, problemOfHost } from './address.ts'
import type { GivenDetails } from './sign-in-rules.ts'
import type { Value } from './value.ts'

/** What the parameters of a connection string are read into. */
export class Target {
  readonly config: Omit<MssqlConfig, 'server'> & {
    server?: string
    options: NonNullable<MssqlConfig['options']>
    pool: NonNullable<MssqlConfig['pool']>
  } = { options: {}, pool: {} }
  instance: string | undefined
  schema: string | undefined
  /** In ms. */
  maxAge: number | undefined
  minPoolSize: Value | undefined
  /** The path of a certificate file. */
  certificateAuthority: Value | undefined
  authentication: Value | undefined
  readonly details: GivenDetails = {}
  /** Ways to sign in that are not by a credential. */
  readonly otherSignIns: Value[] = []
}

export function readAddress(target: Target, value: Value, address: Address, portSeparator: ':' | ','): void {
  if (target.config.server !== undefined) throw value.refuse('The connection string names the server twice.')
  const { host, instance, port } = address
  if (host === '') return
  const problem = problemOfHost(host, portSeparator)
  if (problem !== undefined) throw value.refuse(`This is not the name of a server. ${problem}`)
  target.config.server = host
  if (instance) target.instance = instance
  if (port !== undefined) readPort(target, value.part('port', port))
}

export function readPort(target: Target, value: Value): void {
  if (target.config.port !== undefined) throw value.refuse('The connection string names the port twice.')
  target.config.port = value.wholeNumber(1, 65535)
}
