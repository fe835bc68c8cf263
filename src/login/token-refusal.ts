import { type Claims, dateOf } from '../credentials/claims.ts'
import type { Explanation } from './connect-failures.ts'
import { createUser, principalOf, textClaim } from './principal.ts'

/** An ERROR token of a login (MS-TDS 2.2.7.10). */
export interface LoginRefusal {
  number: number
  state: number
  message: string
}

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

/** "Query cannot be executed, access token is expired": at the first statement, which sets the session up. */
const EXPIRED_IN_SESSION = 37396

/** What older servers say if they do not know a token's principal. */
const ANONYMOUS = 'NT AUTHORITY\\ANONYMOUS LOGON'

/**
 * What errors 18456 and 37396 mean. On purpose the server says little or nothing about its reasons; the token's claims
 * say the rest.
 */
export function explainRefusedToken(context: LoginContext, { number, message }: LoginRefusal): Explanation {
  // A server without FEDAUTH overlooks it in LOGIN7, and finds neither user nor password there.
  if (/user ''/.test(message)) return unsupported(context)
  if (number === EXPIRED_IN_SESSION) return expired(context)
  if (!message.includes(BY_TOKEN) && !message.includes(ANONYMOUS)) {
    return { code: 'LOGIN_FAILED', why: '', remedy: "The server's log gives the reason for this state." }
  }
  if (/token is expired/i.test(message)) return expired(context)
  const wrong = context.claims && wrongInToken(context.claims, context)
  if (wrong !== undefined) return wrong
  if (/not currently configured to accept this token/i.test(message)) return otherTenant(context)
  if (/invalid token/i.test(message)) return invalid(context)
  return unknownPrincipal(context)
}

function refused(why: string, remedy: string): Explanation {
  return { code: 'TOKEN_REFUSED', why, remedy }
}

/** What the claims alone show, whatever the server says; undefined if they look right. */
export function wrongInToken(
  claims: Claims,
  context: Pick<LoginContext, 'now' | 'audience' | 'claims'>,
): Explanation | undefined {
  const { now, audience: wanted } = context
  const audience = textClaim(claims, 'aud')
  if (audience !== undefined && plain(audience) !== plain(wanted) && plain(audience) !== AZURE_SQL_APP_ID) {
    return refused(
      `The token is for another audience: it is for ${audience}, but the server expects ${wanted}.`,
      `Request the scope ${plain(wanted)}/.default: remove the option scope, or make your own credential use the ` +
        'scope that it is given.',
    )
  }
  const notBefore = dateOf(claims, 'nbf')
  if (notBefore !== undefined && notBefore > now) {
    return refused(
      `The token is not valid yet: it is valid from ${iso(notBefore)}, ${seconds(notBefore - now)} from now by ` +
        "this machine's clock.",
      "Synchronize this machine's clock (NTP), or the token issuer's.",
    )
  }
  const expiry = dateOf(claims, 'exp')
  return expiry !== undefined && expiry <= now ? expired(context) : undefined
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

function unknownPrincipal({ database, claims, server }: LoginContext): Explanation {
  const where = database === undefined ? 'the database master of' : `the database "${database}" on`
  return {
    code: 'PRINCIPAL_UNKNOWN',
    why:
      `The token is valid, but ${principalOf(claims)} has no user in ${where} ${server}, or its user was created for an ` +
      'earlier principal of the same name.',
    remedy:
      database === undefined
        ? 'Name the database (database=…).'
        : `Run in that database, as the server's Entra administrator:\n${createUser(claims)}`,
  }
}

function unsupported({ server }: LoginContext): Explanation {
  return {
    code: 'ENTRA_LOGIN_UNSUPPORTED',
    why: `${server} ignored the token: it does not accept Microsoft Entra logins. SQL Server in a container never does; on premises it needs Azure Arc.`,
    remedy:
      'Use @prisma/adapter-mssql with a user and password there, or put the gateway of ' +
      'prisma-adapter-mssql-entra/testing in front of it. If it should be Azure SQL, check the host name.',
  }
}

/** Both `https://resource` and `https://resource/` are in use. */
function plain(audience: string): string {
  return audience.toLowerCase().replace(/\/+$/, '')
}

function iso(time: number): string {
  return new Date(time).toISOString()
}

function seconds(duration: number): string {
  return `${Math.ceil(duration / 1000)} s`
}
