import { randomBytes } from 'node:crypto'

/**
 * Somebody who can be signed in.
 *
 * - `system-assigned`: the managed identity that the identity endpoints give when nobody is named
 * - `user-assigned`: a managed identity that is asked for by client, object or resource id; takes federated tokens too
 * - `application`: an app registration, which signs in with a secret, a certificate or a federated token
 * - `user`: a person; no endpoint gives tokens for one, `issueToken` does
 */
export type PrincipalKind = 'system-assigned' | 'user-assigned' | 'application' | 'user'

/** One identity of the directory. */
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
