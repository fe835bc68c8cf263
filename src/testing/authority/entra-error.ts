import { randomUUID } from 'node:crypto'
import type { Answer } from './http.ts'

/** A refusal of Entra ID, by its AADSTS number. */
export class EntraRefusal extends Error {
  readonly status: number
  readonly error: string
  readonly code: number

  /**
   * @param status - HTTP
   * @param error - OAuth's word for it (RFC 6749, 5.2)
   * @param code - the AADSTS number
   */
  constructor(status: number, error: string, code: number, message: string) {
    super(message)
    this.status = status
    this.error = error
    this.code = code
  }

  /**
   * The answer as `login.microsoftonline.com` gives it.
   *
   * @param now - ms since the epoch
   */
  toAnswer(now: number, origin: string): Answer {
    const timestamp = new Date(now)
      .toISOString()
      .replace('T', ' ')
      .replace(/\.\d+Z$/, 'Z')
    const traceId = randomUUID()
    const correlationId = randomUUID()
    return {
      status: this.status,
      body: {
        error: this.error,
        error_description:
          `AADSTS${this.code}: ${this.message} ` +
          `Trace ID: ${traceId} Correlation ID: ${correlationId} Timestamp: ${timestamp}`,
        error_codes: [this.code],
        timestamp,
        trace_id: traceId,
        correlation_id: correlationId,
        error_uri: `${origin}/error?code=${this.code}`,
      },
    }
  }
}

export const refusals = {
  tenantNotFound: (tenant: string) =>
    new EntraRefusal(
      400,
      'invalid_request',
      90002,
      `Tenant '${tenant}' not found. Check to make sure you have the correct tenant ID and are signing into the correct cloud.`,
    ),
  missingParameter: (name: string) =>
    new EntraRefusal(
      400,
      'invalid_request',
      900144,
      `The request body must contain the following parameter: '${name}'.`,
    ),
  unsupportedGrant: (grant: string) =>
    new EntraRefusal(400, 'unsupported_grant_type', 70003, `The app requested an unsupported grant type '${grant}'.`),
  unknownApplication: (clientId: string, tenant: string) =>
    new EntraRefusal(
      400,
      'unauthorized_client',
      700016,
      `Application with identifier '${clientId}' was not found in the directory '${tenant}'. This can happen if the ` +
        'application has not been installed by the administrator of the tenant or consented to by any user in the ' +
        'tenant. You may have sent your authentication request to the wrong tenant.',
    ),
  invalidScope: (scope: string) =>
    new EntraRefusal(
      400,
      'invalid_scope',
      70011,
      `The provided value for the input parameter 'scope' is not valid. The scope ${scope} is not valid.`,
    ),
  scopeWithoutDefault: (scope: string) =>
    new EntraRefusal(
      400,
      'invalid_scope',
      1002012,
      `The provided value for scope ${scope} is not valid. Client credential flows must have a scope value with ` +
        '/.default suffixed to the resource identifier (application ID URI).',
    ),
  missingCredential: () =>
    new EntraRefusal(
      401,
      'invalid_client',
      7000218,
      "The request body must contain the following parameter: 'client_assertion' or 'client_secret'.",
    ),
  invalidSecret: (clientId: string) =>
    new EntraRefusal(
      401,
      'invalid_client',
      7000215,
      'Invalid client secret provided. Ensure the secret being sent in the request is the client secret value, not ' +
        `the client secret ID, for a secret added to app '${clientId}'.`,
    ),
  malformedAssertion: () => new EntraRefusal(401, 'invalid_client', 50027, 'JWT token is invalid or malformed.'),
  assertionTimes: () =>
    new EntraRefusal(401, 'invalid_client', 700024, 'Client assertion is not within its valid time range.'),
  assertionAudience: () =>
    new EntraRefusal(401, 'invalid_client', 700023, 'Client assertion audience claim does not match Realm issuer.'),
  assertionSignature: () =>
    new EntraRefusal(401, 'invalid_client', 700027, 'Client assertion failed signature validation.'),
  federatedIssuer: (issuer: string) => noFederatedIdentity(700211, 'issuer', issuer),
  federatedAudience: (audience: string) => noFederatedIdentity(700212, 'audience', audience),
  federatedSubject: (subject: string) => noFederatedIdentity(700213, 'subject', subject),
} as const

function noFederatedIdentity(code: number, part: string, value: string): EntraRefusal {
  return new EntraRefusal(
    401,
    'invalid_client',
    code,
    `No matching federated identity record found for presented assertion ${part} '${value}'. Check your federated ` +
      'identity credential Subject, Audience and Issuer against the presented assertion.',
  )
}
