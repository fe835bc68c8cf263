import { X509Certificate } from 'node:crypto'
import { decodeJwt, errors, type JWTPayload, jwtVerify } from 'jose'
import { refusals } from './entra-error.ts'
import { FEDERATED_AUDIENCE, FEDERATED_ISSUER, federatedSubject } from './federated-token.ts'
import { type Principal, sameId } from './principals.ts'
import type { Signer } from './signer.ts'

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
