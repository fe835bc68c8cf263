import { type Claims, dateOf } from '../credentials/claims.ts'
import { createUser, principalOf, textClaim } from './principal.ts'
import type { LoginContext, LoginRefusal, Verdict } from './refusals.ts'

/** Azure SQL's own id: the audience of a token of version 2.0. */
const AZURE_SQL_APP_ID = '022907d3-0f1b-48f7-badc-1ba6abab6d66'

/** What a server says in place of a name where it was given a token. */
const BY_TOKEN = '<token-identified principal>'

/** "Query cannot be executed, access token is expired": at the first statement, which sets the session up. */
const EXPIRED_IN_SESSION = 37396

/** Older servers say this of a token's principal whom they do not know. */
const ANONYMOUS = 'NT AUTHORITY\\ANONYMOUS LOGON'

/**
 * What errors 18456 and 37396 mean. The server says little or nothing of its reasons, on purpose; the token's own claims say the
 * rest.
 */
export function explainRefusedToken(refusal: LoginRefusal, context: LoginContext): Verdict {
  const { number, message } = refusal
  const { claims } = context
  // A server that knows nothing of FEDAUTH overlooks it in LOGIN7, and finds neither user nor password there.
  if (/user ''/.test(message)) return unsupported(context)
  if (number === EXPIRED_IN_SESSION) return refused(...expired(context))
  if (!message.includes(BY_TOKEN) && !message.includes(ANONYMOUS)) return other()
  if (/token is expired/i.test(message)) return refused(...expired(context))
  const wrong = claims && wrongInToken(claims, context)
  if (wrong !== undefined) return refused(...wrong)
  if (/not currently configured to accept this token/i.test(message)) return refused(...otherTenant(claims))
  if (/invalid token/i.test(message)) return refused(...invalid(claims, context))
  return unknownPrincipal(context)
}

function refused(why: string, remedy: string): Verdict {
  return { code: 'TOKEN_REFUSED', why, remedy }
}

type Reason = readonly [why: string, remedy: string]

/** What the claims alone show, whatever the server says; undefined where nothing is wrong with them. */
export function wrongInToken(
  claims: Claims,
  context: Pick<LoginContext, 'now' | 'audience' | 'claims'>,
): Reason | undefined {
  const { now, audience: wanted } = context
  const audience = textClaim(claims, 'aud')
  if (audience !== undefined && plain(audience) !== plain(wanted) && plain(audience) !== AZURE_SQL_APP_ID) {
    return [
      `The token is for another audience: it is for ${audience}, and the server wants ${wanted}.`,
      `Ask for the scope ${plain(wanted)}/.default: leave the option scope out, or have your own credential heed the ` +
        'scope that it is asked for.',
    ]
  }
  const notBefore = dateOf(claims, 'nbf')
  if (notBefore !== undefined && notBefore > now) {
    return [
      `The token is not valid yet: it is from ${iso(notBefore)} on, ${seconds(notBefore - now)} from now by the clock ` +
        'of this machine.',
      'Synchronize the clock of this machine (NTP), or of what issues the tokens.',
    ]
  }
  const expiry = dateOf(claims, 'exp')
  return expiry !== undefined && expiry <= now ? expired(context) : undefined
}

function expired({ claims, now }: Pick<LoginContext, 'now' | 'claims'>): Reason {
  const expiry = claims && dateOf(claims, 'exp')
  if (expiry === undefined) return ['The token has expired.', STALE]
  if (expiry <= now) return [`The token has expired, at ${iso(expiry)}, ${seconds(now - expiry)} ago.`, STALE]
  return [
    `The token has expired by the clock of the server; by the clock of this machine it is valid until ${iso(expiry)}, ` +
      `so that this clock is behind by ${seconds(expiry - now)} at least.`,
    'Synchronize the clock of this machine (NTP).',
  ]
}

const STALE = 'Have the credential give a token that is valid: one that caches tokens has kept it for too long.'

function otherTenant(claims: Claims | undefined): Reason {
  const tenant = textClaim(claims, 'tid')
  return [
    `The token was issued by another tenant than the server's${tenant === undefined ? '' : ` (${tenant})`}, or the ` +
      'server has no Microsoft Entra administrator.',
    `Name the server's tenant by tenantId; \`az sql server ad-admin list --resource-group … --server …\` shows it. ` +
      'Where that shows nothing, set an administrator.',
  ]
}

function invalid(claims: Claims | undefined, { audience }: LoginContext): Reason {
  if (claims === undefined) {
    return ['What the credential gave is no JSON Web Token.', `Have it give an access token for ${audience}.`]
  }
  const issuer = textClaim(claims, 'iss')
  return [
    `The server could not verify the token${issuer === undefined ? '' : `, which ${issuer} has issued`}.`,
    "Have it issued by the Entra ID of the server's cloud, and pass it on unchanged.",
  ]
}

function unknownPrincipal(context: LoginContext): Verdict {
  const { database, claims, server } = context
  const where = database === undefined ? 'the database master of' : `the database "${database}" on`
  return {
    code: 'PRINCIPAL_UNKNOWN',
    why:
      `The token is good, but ${principalOf(claims)} has no user in ${where} ${server}, or one that was made for an ` +
      'earlier principal of the same name.',
    remedy:
      database === undefined
        ? 'Name the database (database=…).'
        : `Run in that database, as the server's Entra administrator:\n${createUser(claims)}`,
  }
}

function unsupported({ server }: LoginContext): Verdict {
  return {
    code: 'ENTRA_LOGIN_UNSUPPORTED',
    why: `${server} did not look at the token: it takes no Microsoft Entra logins, as a SQL Server in a container does not, nor one on premises without Azure Arc.`,
    remedy:
      'Use @prisma/adapter-mssql with user and password there, or put the gateway of ' +
      'prisma-adapter-mssql-entra/testing in front of it. Is it meant to be Azure SQL? Check the host name.',
  }
}

function other(): Verdict {
  return { code: 'LOGIN_FAILED', why: '', remedy: "The server's own log says why, by the state." }
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
