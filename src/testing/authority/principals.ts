import { createHash, randomBytes } from 'node:crypto'
import type { JWTPayload } from 'jose'

/**
 * The kind of an identity that can sign in.
 *
 * - `system-assigned`: the managed identity that the identity endpoints use by default
 * - `user-assigned`: a managed identity that is named by client, object or resource id; accepts federated tokens too
 * - `application`: an app registration, which signs in with a secret, a certificate or a federated token
 * - `user`: a person; only `issueToken` issues tokens for one, no endpoint does
 */
export type PrincipalKind = 'system-assigned' | 'user-assigned' | 'application' | 'user'

export interface Principal {
  kind: PrincipalKind
  /** What the database knows it by; a user's is the user principal name (`somebody@example.test`). */
  name: string
  /** The application's id: the `appid` claim. */
  clientId: string
  /** The id of the object in the directory: the `oid` claim. */
  objectId: string
  tenantId: string
  /** The Azure resource that the managed identity is, or belongs to: the `xms_mirid` claim. */
  resourceId?: string
  /** Object ids of the groups that it is in: the `groups` claim. Entra names 200 at most in a token. */
  groups?: readonly string[]
  /** The client secret of an application. */
  secret?: string
  /** The certificate of an application as PEM; it signs in with assertions made with that certificate's key. */
  certificate?: string
}

/** The tenant of {@link defaultPrincipals}. */
export const DEFAULT_TENANT = '7e4a0000-0000-4000-8000-000000000001'

const SUBSCRIPTION = '/subscriptions/7e4a0000-0000-4000-8000-00000000000f/resourcegroups/local'

/**
 * One principal of each kind: `local-app` (system-assigned), `local-identity` (user-assigned), `local-service` (an
 * application with a new random secret) and the user `person@local.test`, who is in 60 groups. Tokens have some 2,000
 * characters; that person's have over 4,500.
 */
export function defaultPrincipals(): Principal[] {
  return [
    {
      kind: 'system-assigned',
      name: 'local-app',
      ...ids('10'),
      resourceId: `${SUBSCRIPTION}/providers/Microsoft.Web/sites/local-app`,
    },
    {
      kind: 'user-assigned',
      name: 'local-identity',
      ...ids('20'),
      resourceId: `${SUBSCRIPTION}/providers/Microsoft.ManagedIdentity/userAssignedIdentities/local-identity`,
    },
    { kind: 'application', name: 'local-service', ...ids('30'), secret: randomBytes(24).toString('base64url') },
    { kind: 'user', name: 'person@local.test', ...ids('40'), groups: Array.from({ length: 60 }, (_, i) => groupId(i)) },
  ]
}

function ids(number: string): Pick<Principal, 'clientId' | 'objectId' | 'tenantId'> {
  return {
    clientId: `7e4a0000-0000-4000-8000-0000000c11${number}`,
    objectId: `7e4a0000-0000-4000-8000-00000000b1${number}`,
    tenantId: DEFAULT_TENANT,
  }
}

function groupId(number: number): string {
  return `7e4a0000-0000-4000-8000-0000000960${String(number).padStart(2, '0')}`
}

/** Ids of Azure are compared without regard to case. */
export function sameId(one: string | undefined, other: string): boolean {
  return one?.toLowerCase() === other.toLowerCase()
}

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
 * long as a real one. Times are cut to whole seconds, so a token never lives longer than asked for.
 */
export function claimsFor(principal: Principal, audience: string, validity: Validity): JWTPayload {
  const claims = {
    aud: audience,
    iss: issuerOf(principal.tenantId),
    iat: epochSeconds(validity.issuedAt),
    nbf: epochSeconds(validity.notBefore),
    exp: epochSeconds(validity.expiresOn),
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

/** What only Entra can read: the same for a principal each time. */
function opaque({ objectId }: Pick<Principal, 'objectId'>, claim: string, length: number): string {
  const hashes = Array.from({ length: Math.ceil(length / 43) }, (_, i) =>
    createHash('sha256').update(`${objectId} ${claim} ${i}`).digest('base64url'),
  )
  return hashes.join('').slice(0, length)
}

/** Whole seconds since the epoch, as JWT's NumericDate. */
export function epochSeconds(milliseconds: number): number {
  return Math.floor(milliseconds / 1000)
}

/** The audience that Entra ID asks of a federated token. */
export const FEDERATED_AUDIENCE = 'api://AzureADTokenExchange'

/** The `iss` of the federated tokens that the authority writes: the cluster's, were there one. */
export const FEDERATED_ISSUER = 'https://cluster.local.test/'

/** The `sub` of a principal's federated token: the service account that stands for it. */
export function federatedSubject(principal: Principal): string {
  return `system:serviceaccount:default:${principal.name}`
}

/**
 * The claims of a federated token, as a Kubernetes service account token has them.
 *
 * @param now - ms since the epoch
 * @param lifetime - in ms
 */
export function federatedClaims(principal: Principal, now: number, lifetime: number): JWTPayload {
  return {
    iss: FEDERATED_ISSUER,
    sub: federatedSubject(principal),
    aud: FEDERATED_AUDIENCE,
    iat: epochSeconds(now),
    nbf: epochSeconds(now),
    exp: epochSeconds(now + lifetime),
  }
}

/** Azure SQL, by cloud: public, US government, China. */
const AZURE_SQL_RESOURCES = [
  'https://database.windows.net',
  'https://database.usgovcloudapi.net',
  'https://database.chinacloudapi.cn',
]

/** The `aud` of a token for Azure SQL in the public cloud. */
export const DEFAULT_AUDIENCE = 'https://database.windows.net/'

/** The audience of a token that Azure SQL must refuse. */
export const WRONG_AUDIENCE = 'https://graph.microsoft.com/'

/**
 * The `aud` claims that Azure SQL takes, of all clouds. A token's audience is the resource as it was asked for, so that
 * each comes with and without the slash at its end.
 */
export const AZURE_SQL_AUDIENCES: readonly string[] = AZURE_SQL_RESOURCES.flatMap((resource) => [
  resource,
  `${resource}/`,
])
