import { inspect } from 'node:util'
import { EntraError, type EntraErrorCode, textOf } from '../errors/entra-error.ts'
import { quoted } from '../errors/wording.ts'
import {
  type AuthenticationMethod,
  authenticationMethods,
  METHODS,
  missingValues,
  type SignInDetails,
  TOKENS_ONLY,
} from './methods.ts'

/** How to sign in, as a connection string says it. Neither `util.inspect` nor `JSON.stringify` shows the secret. */
export class SignIn {
  readonly method: AuthenticationMethod
  declare readonly tenantId?: string
  declare readonly clientId?: string
  declare readonly objectId?: string
  declare readonly resourceId?: string
  declare readonly loginHint?: string
  declare readonly certificatePath?: string
  readonly #secret: string | undefined

  constructor(method: AuthenticationMethod, { secret, ...details }: SignInDetails = {}) {
    this.method = method
    this.#secret = secret
    for (const [name, value] of Object.entries(details)) if (value !== undefined) Object.assign(this, { [name]: value })
  }

  /** The client secret, or the password of the certificate's private key. */
  get secret(): string | undefined {
    return this.#secret
  }

  [inspect.custom](): object {
    return { ...this, ...(this.#secret !== undefined && { secret: '***' }) }
  }
}

/** Something that a config says about signing in, and how to refuse it with its place. */
export interface Given {
  /** Its name as it was written. */
  readonly name: string
  readonly text: string
  readonly refuse: (message: string, code?: EntraErrorCode) => EntraError
  readonly warn: (message: string) => void
}

/** What a config says about signing in, `authentication` aside. */
export type GivenDetails = { [Detail in keyof SignInDetails | 'user' | 'password']?: Given }

type Detail = keyof SignInDetails

const GUID = /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/i
/** go-mssqldb's way to name the tenant of a service principal. */
const CLIENT_AT_TENANT = /^([0-9a-f-]{36})@([\w.-]+)$/i
const RESOURCE_ID = /^\/subscriptions\/./i

const FORMS: { [D in Detail]?: readonly [RegExp, wanted: string] } = {
  tenantId: [/^[\w.-]+$/, 'a tenant: its id or one of its domains'],
  clientId: [GUID, 'a client id (a GUID)'],
  objectId: [GUID, 'an object id (a GUID)'],
  resourceId: [RESOURCE_ID, 'a resource id, /subscriptions/…'],
}

/**
 * How to sign in, according to a config. Without `authentication`, the details are for the default chain, and a user or
 * password means SQL authentication.
 *
 * @returns one for each method that `authentication` lists; none if the config says nothing about it
 * @throws EntraError `CONFIG_CREDENTIALS` for SQL authentication, else `CONFIG_INVALID`
 */
export function signInsBy(authentication: Given | undefined, given: GivenDetails): SignIn[] {
  // JDBC's NotSpecified is its default.
  const said = /^not\s?specified$/i.test(authentication?.text ?? '') ? undefined : authentication
  if (said === undefined) refuseOtherSignIns([given.user, given.password])
  const anchor = said ?? Object.values(given)[0]
  if (anchor === undefined) return []
  const methods: AuthenticationMethod[] = said === undefined ? ['ActiveDirectoryDefault'] : methodsOf(said)
  const all = methods.map((method) => detailsFor(method, given))
  refuseUnused(methods, all)
  return methods.map((method, i) => {
    const { details = {} } = all[i] ?? {}
    const missing = missingValues(METHODS[method], details, true)
    if (missing.length > 0) throw anchor.refuse(`authentication=${method} needs ${missing[0]}.`)
    return new SignIn(method, details)
  })
}

/** @throws EntraError `CONFIG_CREDENTIALS` if there are any */
export function refuseOtherSignIns(given: readonly (Given | undefined)[]): void {
  const found = given.filter((each) => each !== undefined)
  const names = found.map(({ name }) => name).join(', ')
  const message = `To sign in with a token, remove ${names} from the config. ${TOKENS_ONLY}`
  if (found[0] !== undefined) throw found[0].refuse(message, 'CONFIG_CREDENTIALS')
}

function methodsOf(said: Given): AuthenticationMethod[] {
  try {
    return authenticationMethods(said.text)
  } catch (error) {
    throw error instanceof EntraError ? said.refuse(textOf(error), error.code) : error
  }
}

/** What a method takes of what is given, and what it does not. */
interface Taken {
  details: SignInDetails
  unused: [Detail, Given][]
}

function detailsFor(method: AuthenticationMethod, given: GivenDetails): Taken {
  const { takes } = METHODS[method]
  const taken: Taken = { details: {}, unused: [] }
  const bySlot = new Map<string, Given>()
  for (const [detail, value] of meanings(method, given)) {
    const slot = IDENTITY.includes(detail) ? 'identity' : detail
    const other = bySlot.get(slot)
    if (other !== undefined) throw value.refuse(`${other.name} and ${value.name} cannot both be given.`)
    bySlot.set(slot, value)
    if (takes.includes(detail)) taken.details[detail] = checked(detail, value)
    else taken.unused.push([detail, value])
  }
  return taken
}

/** Refuses a secret that none of the methods takes, and warns of anything else. */
function refuseUnused(methods: readonly AuthenticationMethod[], [first, ...others]: readonly Taken[]): void {
  const names = methods.join(',')
  for (const [detail, value] of first?.unused ?? []) {
    if (!others.every(({ unused }) => unused.some(([, each]) => each.name === value.name))) continue
    if (detail === 'secret') throw value.refuse(`authentication=${names} does not use ${value.name}.`)
    value.warn(`${value.name} has no effect with authentication=${names}.`)
  }
}

/** One identity has three names; only one of them may be given. */
const IDENTITY: readonly Detail[] = ['clientId', 'objectId', 'resourceId']

function meanings(method: AuthenticationMethod, given: GivenDetails): [Detail, Given][] {
  const { user, password, clientId, ...named } = given
  const found = Object.entries(named) as [Detail, Given][]
  if (clientId !== undefined) found.push([RESOURCE_ID.test(clientId.text) ? 'resourceId' : 'clientId', clientId])
  if (user !== undefined) found.push(...meaningsOfUser(method, user))
  if (password !== undefined) found.push(['secret', password])
  return found
}

function meaningsOfUser(method: AuthenticationMethod, user: Given): [Detail, Given][] {
  if (METHODS[method].user !== 'clientId') return [['loginHint', user]]
  if (RESOURCE_ID.test(user.text)) return [['resourceId', user]]
  const [, clientId, tenantId] = CLIENT_AT_TENANT.exec(user.text) ?? []
  if (clientId !== undefined && tenantId !== undefined) {
    return [
      ['clientId', { ...user, text: clientId }],
      ['tenantId', { ...user, text: tenantId }],
    ]
  }
  // SqlClient's default chain takes an account here too, for caches that @azure/identity does not have.
  const isAccount = method === 'ActiveDirectoryDefault' && !GUID.test(user.text)
  return [[isAccount ? 'loginHint' : 'clientId', user]]
}

function checked(detail: Detail, { name, text, refuse }: Given): string {
  const [form, wanted] = FORMS[detail] ?? []
  if (form !== undefined && !form.test(text)) throw refuse(`${name} must be ${wanted}, not ${quoted(text)}.`)
  return text
}
