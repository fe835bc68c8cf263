import { createHash, randomBytes } from 'node:crypto'
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
 * The claims of an access token, as Entra ID writes them for Azure SQL (version 1.0), and as many of them: a token is as
 * long as a real one. Times are cut to whole seconds, so that a token never lives longer than asked for.
 */
export function claimsFor(principal: Principal, audience: string, validity: Validity): JWTPayload {
  const claims = {
    aud: audience,
    iss: issuerOf(principal.tenantId),
    iat: seconds(validity.issuedAt),
    nbf: seconds(validity.notBefore),
    exp: seconds(validity.expiresOn),
    ...(principal.kind === 'user' ? userClaims(principal) : applicationClaims(principal)),
    appid: principal.clientId,
    ...(principal.groups === undefined ? {} : { groups: [...principal.groups] }),
    oid: principal.objectId,
    rh: `1.${opaque(principal, 'rh', 62)}.`,
    sub: principal.kind === 'user' ? opaque(principal, 'sub', 43) : principal.objectId,
    tid: principal.tenantId,
    uti: randomBytes(16).toString('base64url'),
    ver: '1.0',
    xms_ftd: opaque(principal, 'xms_ftd', 75),
    xms_rd: opaque(principal, 'xms_rd', 54),
  }
  return {
    ...claims,
    aio: opaque(principal, 'aio', aioLength(JSON.stringify({ ...claims, groups: undefined }).length)),
  }
}

function userClaims({ name, ...principal }: Principal): JWTPayload {
  return {
    acr: '1',
    amr: ['pwd', 'mfa'],
    appidacr: '0',
    idtyp: 'user',
    ipaddr: '203.0.113.7',
    name,
    puid: opaque(principal, 'puid', 16).toUpperCase(),
    scp: 'user_impersonation',
    unique_name: name,
    upn: name,
    wids: [Role.USER],
    xms_idrel: '1 8',
  }
}

function applicationClaims(principal: Principal): JWTPayload {
  return {
    appidacr: principal.secret === undefined ? '2' : '1',
    idp: issuerOf(principal.tenantId),
    idtyp: 'app',
    wids: [Role.APPLICATION],
    xms_idrel: '7 10',
    ...(principal.resourceId === undefined
      ? {}
      : { xms_az_rid: principal.resourceId, xms_mirid: principal.resourceId }),
  }
}

/** What the directory gives to everybody (`wids`). */
const Role = {
  APPLICATION: '0997a1d0-0d1d-4acb-b408-d5ca73121e90',
  USER: 'b79fbf4d-3ef9-4689-8143-76b194e85509',
} as const

/** With header and signature that makes a token of 2,000 characters, as the platform's tokens have. In bytes. */
const TYPICAL_CLAIMS_LENGTH = 1110
const LEAST_AIO_LENGTH = 60

/** `aio` is Entra's own business, and of any length: it brings the claims to a length that is typical. */
function aioLength(otherClaims: number): number {
  return Math.max(TYPICAL_CLAIMS_LENGTH - otherClaims, LEAST_AIO_LENGTH)
}

/** What nobody but Entra can read: the same for a principal each time. */
function opaque({ objectId }: Pick<Principal, 'objectId'>, claim: string, length: number): string {
  const hashes = Array.from({ length: Math.ceil(length / 43) }, (_, i) =>
    createHash('sha256').update(`${objectId} ${claim} ${i}`).digest('base64url'),
  )
  return hashes.join('').slice(0, length)
}

/** Whole seconds since the epoch, as JWT's NumericDate. */
export function seconds(milliseconds: number): number {
  return Math.floor(milliseconds / 1000)
}
