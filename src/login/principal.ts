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
    if (found !== undefined) return found
  }
  return resourceName(textClaim(claims, 'xms_mirid'))
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

/** The T-SQL that gives a principal its user and the usual rights, and how to find the name if it is not known. */
export function createUser(claims: Claims | undefined): string {
  const name = principalName(claims)
  const user = name ?? 'NAME'
  const sql =
    `  CREATE USER ${bracketed(user)} FROM EXTERNAL PROVIDER;\n` +
    `${addToRole('db_datareader', user)}\n${addToRole('db_datawriter', user)}`
  const appId = applicationId(claims)
  if (name !== undefined || appId === undefined) return sql
  return `${sql}\nNAME is what this prints:\n  az ad sp show --id ${appId} --query displayName --output tsv`
}

/** The T-SQL that gives a user a role. */
export function addToRole(role: string, user: string): string {
  return `  ALTER ROLE ${role} ADD MEMBER ${bracketed(user)};`
}

/** A name as T-SQL quotes it. */
export function bracketed(name: string): string {
  return `[${name.replaceAll(']', ']]')}]`
}
