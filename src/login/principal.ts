import type { Claims } from '../credentials/claims.ts'

/** A claim that is a text, on one line. */
export function textClaim(claims: Claims | undefined, name: string): string | undefined {
  const value = claims?.[name]
  return typeof value === 'string' && value !== '' ? value.replace(/\p{Cc}/gu, ' ').slice(0, 300) : undefined
}

/**
 * What a database knows the principal of a token by: a person's user principal name, an application's display name, a
 * managed identity's name. Undefined if the token does not say: an application's token does so only where the tenant
 * adds the claim `app_displayname`.
 */
export function principalName(claims: Claims | undefined): string | undefined {
  for (const name of ['upn', 'preferred_username', 'unique_name', 'app_displayname']) {
    const found = textClaim(claims, name)
    if (found !== undefined) return name === 'app_displayname' ? found : ownName(found)
  }
  return resourceName(textClaim(claims, 'xms_mirid'))
}

/**
 * A guest by the address that the database knows: `bob_contoso.com#EXT#@host.onmicrosoft.com` and
 * `live.com#bob@contoso.com` are both `bob@contoso.com`.
 *
 * Source: Microsoft Learn, "Create Microsoft Entra guest users", `CREATE USER [user1@gmail.com] FROM EXTERNAL PROVIDER`.
 */
function ownName(name: string): string {
  const [, user, domain] = /^(.+)_([^_]+)#EXT#@/i.exec(name) ?? []
  return user === undefined ? name.replace(/^[^#@]+#(?=[^#@]+@[^#@]+$)/, '') : `${user}@${domain}`
}

/**
 * The name of a managed identity by its resource id: of the identity itself, or of the resource that it belongs to; a
 * deployment slot's is `app/slots/staging`.
 */
function resourceName(resourceId: string | undefined): string | undefined {
  return /\/providers\/[^/]+\/[^/]+\/(.+)$/i.exec(resourceId ?? '')?.[1]
}

/** The application that a token was given to, in version 1.0 or 2.0 of tokens. */
export function applicationId(claims: Claims | undefined): string | undefined {
  return textClaim(claims, 'appid') ?? textClaim(claims, 'azp')
}

/** Who the token speaks for, in words. */
export function principalOf(claims: Claims | undefined): string {
  const name = principalName(claims)
  const appId = applicationId(claims)
  const objectId = textClaim(claims, 'oid')
  if (name !== undefined) return `"${name}"`
  if (appId !== undefined) return `the application ${appId}`
  return objectId === undefined ? 'the identity that signs in' : `the principal with object id ${objectId}`
}

/**
 * The T-SQL that gives a principal its user and the usual rights: how to find the name if it is not known, what to do
 * where the server may not read the directory, and that a group will do.
 */
export function createUser(claims: Claims | undefined): string {
  const name = principalName(claims)
  const user = name ?? 'NAME'
  const appId = applicationId(claims)
  const sid = sidOf(isApplication(claims) ? appId : textClaim(claims, 'oid'))
  const lines = [
    `  CREATE USER ${bracketed(user)} FROM EXTERNAL PROVIDER;`,
    addToRole('db_datareader', user),
    addToRole('db_datawriter', user),
  ]
  if (name === undefined && appId !== undefined && isApplication(claims)) {
    lines.push('NAME is what this prints:', `  az ad sp show --id ${appId} --query displayName --output tsv`)
  }
  if (sid !== undefined) {
    lines.push(
      'If the server cannot read the directory (error 33134), start with this instead:',
      `  CREATE USER ${bracketed(user)} WITH SID = ${sid}, TYPE = E;`,
    )
  }
  return [...lines, ...forGroups(claims)].join('\n')
}

/** How many groups the T-SQL is written out for. */
const MAX_GROUPS = 3

/** The T-SQL that gives the user to a group of the principal instead. A token has the ids of groups, and no names. */
function forGroups(claims: Claims | undefined): string[] {
  const groups = Array.isArray(claims?.groups) ? claims.groups : []
  const statements = groups.flatMap((id: unknown) => {
    const sid = sidOf(String(id))
    return sid === undefined ? [] : `  CREATE USER [GROUP] WITH SID = ${sid}, TYPE = X; -- ${id}`
  })
  if (statements.length === 0) return []
  return [
    "You can create a user for one of its groups instead: use the group's name above. If the server cannot read the " +
      'directory, start with the line for that group:',
    ...statements.slice(0, MAX_GROUPS),
    'GROUP is what this prints:',
    '  az ad group show --group ID --query displayName --output tsv',
  ]
}

/** Whether a token speaks for an application or a managed identity, not for a person. */
function isApplication(claims: Claims | undefined): boolean {
  const kind = textClaim(claims, 'idtyp')
  return kind === undefined ? textClaim(claims, 'scp') === undefined : kind === 'app'
}

/**
 * An id as `CONVERT(VARBINARY(16), …)` writes it: its first three parts backwards. The SID of a person or a group is the
 * object id, that of an application its client id.
 *
 * Source: Microsoft Learn, "Authentication in SQL database in Microsoft Fabric"; "sys.database_principals" for the types:
 * E is an external user, X an external group.
 */
function sidOf(id: string | undefined): string | undefined {
  const parts = /^([0-9a-f]{8})-([0-9a-f]{4})-([0-9a-f]{4})-([0-9a-f]{4})-([0-9a-f]{12})$/i.exec(id ?? '')?.slice(1)
  if (parts === undefined) return undefined
  const bytes = parts.map((part, i) => (i < 3 ? Buffer.from(part, 'hex').reverse().toString('hex') : part))
  return `0x${bytes.join('').toUpperCase()}`
}

/** The T-SQL that gives a user a role. */
export function addToRole(role: string, user: string): string {
  return `  ALTER ROLE ${role} ADD MEMBER ${bracketed(user)};`
}

/** A name as T-SQL quotes it. */
export function bracketed(name: string): string {
  return `[${name.replaceAll(']', ']]')}]`
}
