import { X509Certificate } from 'node:crypto'
import { decodeJwt, errors, type JWTPayload, jwtVerify } from 'jose'
import { refusals } from './entra-error.ts'
import type { Answer, EndpointRequest } from './http.ts'
import { FEDERATED_AUDIENCE, FEDERATED_ISSUER, federatedSubject, type Principal, sameId } from './principals.ts'
import type { IssuedToken, Signer } from './token-issuer.ts'

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

/** The principals of a tenant. @throws EntraRefusal if there is no such tenant */
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

/** The resource of a scope: what comes before `/.default`. OpenID's own scopes, which MSAL may add, do not count. */
function resourceOf(scope: string): string {
  const scopes = scope
    .split(' ')
    .filter((name) => name !== '' && !['openid', 'profile', 'offline_access'].includes(name))
  const [only, ...others] = scopes
  if (only === undefined || others.length > 0) throw refusals.invalidScope(scope)
  if (!only.endsWith(DEFAULT_SUFFIX)) throw refusals.scopeWithoutDefault(only)
  return only.slice(0, -DEFAULT_SUFFIX.length)
}

/** Clients round their clocks (MSAL to the nearest second), so that an assertion may seem to come from the future. */
const CLOCK_TOLERANCE = '5 s'

const JWT_BEARER = 'urn:ietf:params:oauth:client-assertion-type:jwt-bearer'

/** What client authentication needs to know of its surroundings. */
export interface AuthenticationContext {
  signer: Signer
  /** Ms since the epoch. */
  now: number
  /** The audiences that a client's own assertion may have: the token endpoint and the issuer (RFC 7523, 3). */
  audiences: string[]
}

/**
 * Makes sure that the request comes from the application: by its secret, by an assertion signed with its certificate,
 * or by a federated token.
 *
 * @throws EntraRefusal
 */
export async function authenticateClient(
  principal: Principal,
  form: URLSearchParams,
  context: AuthenticationContext,
): Promise<void> {
  const assertion = form.get('client_assertion')
  if (assertion !== null) {
    if (form.get('client_assertion_type') !== JWT_BEARER) throw refusals.missingParameter('client_assertion_type')
    await authenticateByAssertion(principal, assertion, context)
    return
  }
  const secret = form.get('client_secret')
  if (secret === null) throw refusals.missingCredential()
  if (principal.secret === undefined || secret !== principal.secret) throw refusals.invalidSecret(principal.clientId)
}

async function authenticateByAssertion(principal: Principal, assertion: string, context: AuthenticationContext) {
  const { iss = '', sub = '', aud = '' } = unverifiedClaims(assertion)
  const audiences = [aud].flat()
  if (sameId(iss, principal.clientId)) {
    if (!audiences.some((audience) => context.audiences.includes(audience))) throw refusals.assertionAudience()
    await verified(verifyByCertificate(principal, assertion, context.now))
    return
  }
  if (iss !== FEDERATED_ISSUER) throw refusals.federatedIssuer(iss)
  if (!audiences.includes(FEDERATED_AUDIENCE)) throw refusals.federatedAudience(audiences.join(' '))
  if (sub !== federatedSubject(principal)) throw refusals.federatedSubject(sub)
  await verified(context.signer.verify(assertion, context.now))
}

function unverifiedClaims(assertion: string): JWTPayload {
  try {
    return decodeJwt(assertion)
  } catch {
    throw refusals.malformedAssertion()
  }
}

async function verifyByCertificate(principal: Principal, assertion: string, now: number): Promise<void> {
  if (principal.certificate === undefined) throw refusals.assertionSignature()
  const { publicKey } = new X509Certificate(principal.certificate)
  await jwtVerify(assertion, publicKey, {
    algorithms: ['RS256', 'PS256'],
    clockTolerance: CLOCK_TOLERANCE,
    currentDate: new Date(now),
  })
}

async function verified(verification: Promise<unknown>): Promise<void> {
  try {
    await verification
  } catch (error) {
    const times = error instanceof errors.JWTExpired || error instanceof errors.JWTClaimValidationFailed
    throw times ? refusals.assertionTimes() : refusals.assertionSignature()
  }
}
