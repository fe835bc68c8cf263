import { type Claims, dateOf } from '../credentials/claims.ts'
import { isFabricHost } from '../credentials/clouds.ts'
import { iso } from '../errors/wording.ts'
import type { ServerMessage } from '../tds/tokens.ts'
import type { Explanation } from './connect-failures.ts'
import { createUser, principalOf, textClaim } from './principal.ts'

/** Why a server refused a login. */
export type LoginRefusal = Pick<ServerMessage, 'number' | 'state' | 'message'>

/** What is known about a login. Never the token, only its claims. */
export interface LoginContext {
  /** The host name of the server. */
  server: string
  /** Undefined if none is named: the principal's default database. */
  database: string | undefined
  /** The audience that this server expects: `https://database.windows.net/`. */
  audience: string
  /** Undefined if the token is not a JSON Web Token. */
  claims: Claims | undefined
  /** In ms since the epoch. */
  now: number
}

/** Azure SQL's application id: the audience of a token of version 2.0. */
const AZURE_SQL_APP_ID = '022907d3-0f1b-48f7-badc-1ba6abab6d66'

/** What a server says instead of a name after a login by token. */
const BY_TOKEN = '<token-identified principal>'

/** "Login failed". */
export const LOGIN_FAILED = 18456

/** "Query cannot be executed, access token is expired": at the first statement, which sets the session up. */
const EXPIRED_IN_SESSION = 37396

/** Whether a server says by this number that it does not take the token. */
export function isTokenRefusal(number: number): boolean {
  return number === LOGIN_FAILED || number === EXPIRED_IN_SESSION
}

/** Whether a server says that the token has expired. */
export function isTokenExpiry(number: number, message: string): boolean {
  return number === EXPIRED_IN_SESSION || (number === LOGIN_FAILED && /token is expired/i.test(message))
}

/** What older servers say if they do not know a token's principal. */
const ANONYMOUS = 'NT AUTHORITY\\ANONYMOUS LOGON'

/**
 * What errors 18456 and 37396 mean. On purpose the server says little or nothing about its reasons; the token's claims
 * say the rest.
 */
export function explainRefusedToken(context: LoginContext, { number, message }: LoginRefusal): Explanation {
  // A server without FEDAUTH overlooks it in LOGIN7, and finds neither user nor password there.
  if (/user ''/.test(message)) return unsupported(context)
  if (isTokenExpiry(number, message)) return expired(context)
  if (!message.includes(BY_TOKEN) && !message.includes(ANONYMOUS)) {
    return { code: 'LOGIN_FAILED', why: '', remedy: "The server's log gives the reason for this state." }
  }
  if (/not currently configured to accept this token/i.test(message)) return otherTenant(context)
  const { claims } = context
  const wrong = claims && (wrongAudience(claims, context) ?? notValidYet(claims, context))
  if (/invalid token/i.test(message)) return wrong ?? invalid(context)
  // The server looks at the times before it looks for a user, and would have said so.
  return (claims && wrongAudience(claims, context)) ?? unknownPrincipal(context)
}

function refused(why: string, remedy: string): Explanation {
  return { code: 'TOKEN_REFUSED', why, remedy }
}

type Known = Pick<LoginContext, 'now' | 'audience' | 'claims'>

/** What the claims alone show, by the clock of this machine, before a server says anything; undefined if they look right. */
export function wrongInToken(claims: Claims, context: Known): Explanation | undefined {
  const wrong = wrongAudience(claims, context) ?? notValidYet(claims, context)
  if (wrong !== undefined) return wrong
  const expiry = dateOf(claims, 'exp')
  return expiry !== undefined && expiry <= context.now ? expired(context) : undefined
}

function wrongAudience(claims: Claims, { audience: wanted }: Known): Explanation | undefined {
  const audience = textClaim(claims, 'aud')
  if (audience === undefined || plain(audience) === plain(wanted) || plain(audience) === AZURE_SQL_APP_ID) {
    return undefined
  }
  return refused(
    `The token is for another audience: it is for ${audience}, but the server expects ${wanted}.`,
    `Request the scope ${plain(wanted)}/.default: remove the option scope, or make your own credential use the ` +
      'scope that it is given.',
  )
}

function notValidYet(claims: Claims, { now }: Known): Explanation | undefined {
  const notBefore = dateOf(claims, 'nbf')
  if (notBefore === undefined || notBefore <= now) return undefined
  return refused(
    `The token is not valid yet: it is valid from ${iso(notBefore)}, ${seconds(notBefore - now)} from now by ` +
      "this machine's clock.",
    "Synchronize this machine's clock (NTP), or the token issuer's.",
  )
}

function expired({ claims, now }: Pick<LoginContext, 'now' | 'claims'>): Explanation {
  const expiry = claims && dateOf(claims, 'exp')
  if (expiry !== undefined && expiry > now) {
    return refused(
      `The token has expired by the server's clock. By this machine's clock it is valid until ${iso(expiry)}, so ` +
        `this clock is at least ${seconds(expiry - now)} behind.`,
      "Synchronize this machine's clock (NTP).",
    )
  }
  const when = expiry === undefined ? '' : `, at ${iso(expiry)}, ${seconds(now - expiry)} ago`
  return refused(
    `The token has expired${when}.`,
    'Make the credential return a valid token. If it caches tokens, it kept this one for too long.',
  )
}

function otherTenant({ claims }: LoginContext): Explanation {
  const tenant = textClaim(claims, 'tid')
  return refused(
    `The token's tenant${tenant === undefined ? '' : ` (${tenant})`} is not the server's, or the server has no ` +
      'Microsoft Entra administrator.',
    "Set tenantId to the server's tenant; `az sql server ad-admin list --resource-group … --server …` shows it. If it " +
      'shows nothing, set an administrator.',
  )
}

function invalid({ claims, audience }: LoginContext): Explanation {
  if (claims === undefined) {
    return refused(
      'What the credential returned is not a JSON Web Token.',
      `Make it return an access token for ${audience}.`,
    )
  }
  const issuer = textClaim(claims, 'iss')
  return refused(
    `The server could not verify the token${issuer === undefined ? '' : `, which ${issuer} issued`}.`,
    "Get the token from the Entra ID of the server's cloud, and pass it on unchanged.",
  )
}

/** The server gives no reason, so none is claimed. */
function unknownPrincipal(context: LoginContext): Explanation {
  const [likely, remedy] = isFabricHost(context.server) ? NO_PERMISSION : noUser(context)
  return {
    code: 'PRINCIPAL_UNKNOWN',
    why: `The server gives no reason. Most likely ${principalOf(context.claims)} ${likely}`,
    remedy: remedy + clockNote(context),
  }
}

type LikelyReason = readonly [likely: string, remedy: string]

function noUser({ database, claims, server }: LoginContext): LikelyReason {
  const where = database === undefined ? 'the database master of' : `the database "${database}" on`
  return [
    `has no user in ${where} ${server}, or its user was created for an earlier principal of the same name.`,
    database === undefined
      ? 'Name the database (database=…).'
      : `Run in that database, as the server's Entra administrator:\n${createUser(claims)}`,
  ]
}

/** Source: Microsoft Learn, "Authentication in SQL database in Microsoft Fabric". */
const NO_PERMISSION: LikelyReason = [
  'has no permission on this Fabric item.',
  'Share the item with it in Fabric, with the Read permission, or give it a role in the workspace; it needs no CREATE ' +
    'USER. For an application or a managed identity, a Fabric administrator must also turn on the tenant setting ' +
    '"Service principals can use Fabric APIs".',
]

/** If the clock of this machine and the token contradict a server that did not mind the token's times; else nothing. */
function clockNote({ claims, now }: LoginContext): string {
  const notBefore = claims && dateOf(claims, 'nbf')
  const expiry = claims && dateOf(claims, 'exp')
  const behind = notBefore !== undefined && notBefore > now
  if (!behind && (expiry === undefined || expiry > now)) return ''
  const off = behind
    ? `is not valid for another ${seconds(notBefore - now)}`
    : `expired ${seconds(now - (expiry ?? now))} ago`
  return (
    `\nBy this machine's clock the token ${off}, but the server did not object: the clock is probably ` +
    `${behind ? 'behind' : 'ahead'}. Synchronize it (NTP).`
  )
}

function unsupported({ server }: LoginContext): Explanation {
  return {
    code: 'ENTRA_LOGIN_UNSUPPORTED',
    why: `${server} ignored the token: it does not accept Microsoft Entra logins. SQL Server in a container never does; on premises it needs Azure Arc.`,
    remedy:
      'Put a user and a password into its connection string (see allowPassword), use @prisma/adapter-mssql with a user and ' +
      'password, or put the gateway of ' +
      'prisma-adapter-mssql-entra/testing in front of it. If it should be Azure SQL, check the host name.',
  }
}

/** Both `https://resource` and `https://resource/` are in use. */
function plain(audience: string): string {
  return audience.toLowerCase().replace(/\/+$/, '')
}

function seconds(duration: number): string {
  return `${Math.ceil(duration / 1000)} s`
}
