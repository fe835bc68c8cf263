import { randomUUID } from 'node:crypto'
import type { JWTPayload } from 'jose'
import type { Principal } from './principals.ts'

/** When a token is good, in ms since the epoch. */
export interface Validity {
  issuedAt: number
  notBefore: number
  expiresOn: number
}

/** The `iss` of the tokens of a tenant: Azure SQL is given tokens of version 1.0, which the old host signs. */
export function issuerOf(tenantId: string): string {
  return `https://sts.windows.net/${tenantId}/`
}

/**
 * The claims of an access token, as Entra ID writes them for Azure SQL (version 1.0). Times are cut to whole seconds,
 * so that a token never lives longer than asked for.
 */
export function claimsFor(principal: Principal, audience: string, validity: Validity): JWTPayload {
  const common = {
    aud: audience,
    iss: issuerOf(principal.tenantId),
    iat: seconds(validity.issuedAt),
    nbf: seconds(validity.notBefore),
    exp: seconds(validity.expiresOn),
    appid: principal.clientId,
    oid: principal.objectId,
    sub: principal.objectId,
    tid: principal.tenantId,
    uti: randomUUID(),
    ver: '1.0',
  }
  if (principal.kind === 'user') {
    const { name } = principal
    return { ...common, appidacr: '0', idtyp: 'user', name, scp: 'user_impersonation', unique_name: name, upn: name }
  }
  return {
    ...common,
    appidacr: principal.secret === undefined ? '2' : '1',
    idp: common.iss,
    idtyp: 'app',
    ...(principal.resourceId === undefined ? {} : { xms_mirid: principal.resourceId }),
  }
}

/** Whole seconds since the epoch, as JWT's NumericDate. */
export function seconds(milliseconds: number): number {
  return Math.floor(milliseconds / 1000)
}
