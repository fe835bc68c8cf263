import { authenticateClient } from './client-authentication.ts'
import { refusals } from './entra-error.ts'
import type { Answer, EndpointRequest } from './http.ts'
import { type Principal, sameId } from './principals.ts'
import type { Signer } from './signer.ts'
import type { IssuedToken } from './token-issuer.ts'

/** From this lifetime on, in ms, Entra ID says when to refresh: at half of it. */
const LONG_LIFE = 2 * 3_600_000

const DEFAULT_SUFFIX = '/.default'

/** What an endpoint needs to answer one request. */
export interface EndpointContext {
  principals: readonly Principal[]
  signer: Signer
  /** Ms since the epoch. */
  now: number
  issue(principal: Principal, audience: string): Promise<IssuedToken>
}

/**
 * `/{tenant}/oauth2/v2.0/token`, the client credentials grant (RFC 6749, 4.4).
 *
 * @param authority - `https://host:port/{tenant}`
 * @throws EntraRefusal
 */
export async function answerTokenRequest(
  authority: string,
  tenant: string,
  { form }: EndpointRequest,
  context: EndpointContext,
): Promise<Answer> {
  const principals = inTenant(context.principals, tenant)
  const grant = required(form, 'grant_type')
  if (grant !== 'client_credentials') throw refusals.unsupportedGrant(grant)
  const clientId = required(form, 'client_id')
  const audience = resourceOf(required(form, 'scope'))
  const principal = principals.find((candidate) => sameId(candidate.clientId, clientId) && candidate.kind !== 'user')
  if (principal === undefined) throw refusals.unknownApplication(clientId, tenant)
  await authenticateClient(principal, form, {
    signer: context.signer,
    now: context.now,
    audiences: [`${authority}/oauth2/v2.0/token`, `${authority}/v2.0`],
  })
  const { token, expiresOnTimestamp } = await context.issue(principal, audience)
  const lifetime = Math.floor((expiresOnTimestamp - context.now) / 1000)
  return {
    status: 200,
    body: {
      token_type: 'Bearer',
      expires_in: lifetime,
      ext_expires_in: lifetime,
      ...(lifetime * 1000 > LONG_LIFE ? { refresh_in: Math.floor(lifetime / 2) } : {}),
      access_token: token,
    },
  }
}

/** The principals of a tenant. @throws EntraRefusal where there is no such tenant */
export function inTenant(principals: readonly Principal[], tenant: string): Principal[] {
  const found = principals.filter((principal) => sameId(principal.tenantId, tenant))
  if (found.length === 0) throw refusals.tenantNotFound(tenant)
  return found
}

function required(form: URLSearchParams, name: string): string {
  const value = form.get(name)
  if (value === null || value === '') throw refusals.missingParameter(name)
  return value
}

/** The resource of a scope: what stands before `/.default`. OpenID's own scopes, which MSAL may add, do not count. */
function resourceOf(scope: string): string {
  const scopes = scope
    .split(' ')
    .filter((name) => name !== '' && !['openid', 'profile', 'offline_access'].includes(name))
  const [only, ...others] = scopes
  if (only === undefined || others.length > 0) throw refusals.invalidScope(scope)
  if (!only.endsWith(DEFAULT_SUFFIX)) throw refusals.scopeWithoutDefault(only)
  return only.slice(0, -DEFAULT_SUFFIX.length)
}
