import type { Clock } from '../../time/clock.ts'
import type { FaultList } from '../fault-list.ts'
import { EntraRefusal } from './entra-error.ts'
import type { AuthorityEvent } from './events.ts'
import { appliesTo, type Fault, outcomeOf, type TokenFault } from './faults.ts'
import type { Answer, EndpointRequest, Outcome } from './http.ts'
import { answerAppService, answerAzurePipelines, answerImds } from './identity-endpoints.ts'
import { type Principal, WRONG_AUDIENCE } from './principals.ts'
import { type Endpoint, givesTokens, type Statistics } from './statistics.ts'
import { answerTokenRequest, type EndpointContext, inTenant } from './token-endpoint.ts'
import type { Signer, TokenIssuer } from './token-issuer.ts'

export interface AuthorityState {
  clock: Clock
  signer: Signer
  issuer: TokenIssuer
  principals: readonly Principal[]
  identityHeader: string
  /** The `System.AccessToken` of a pipeline's job. */
  systemAccessToken: string
  faults: FaultList<Fault>
  statistics: Statistics
  onEvent: ((event: AuthorityEvent) => void) | undefined
}

/** Counts a request, and applies a fault that fits, or answers it. */
export async function handleRequest(
  state: AuthorityState,
  route: Route | undefined,
  request: EndpointRequest,
  closed: Promise<void>,
): Promise<Outcome> {
  const endpoint = route?.endpoint ?? 'other'
  const outcome = await outcomeAt(endpoint, state, route, request, closed)
  if (givesTokens(endpoint) && typeof outcome === 'object' && outcome.status >= 400) {
    state.onEvent?.({ type: 'authority.refused', endpoint, status: outcome.status })
  }
  return outcome
}

async function outcomeAt(
  endpoint: Endpoint,
  state: AuthorityState,
  route: Route | undefined,
  request: EndpointRequest,
  closed: Promise<void>,
): Promise<Outcome> {
  state.statistics.request(endpoint, closed)
  const fault = state.faults.take((fault) => appliesTo(fault, endpoint))
  if (fault?.delay !== undefined) await pause(state.clock, fault.delay, closed)
  const instead = fault && outcomeOf(fault)
  if (instead !== undefined) return instead
  if (route === undefined) return { status: 404, body: { error: 'not_found' } }
  if (request.method !== route.method) return { status: 405, headers: { Allow: route.method } }
  const authority = `https://${request.headers.host}/${route.tenant}`
  try {
    return await answer(state, route, authority, request, (fault ?? {}) as TokenFault)
  } catch (error) {
    if (error instanceof EntraRefusal) return error.toAnswer(state.clock.now(), new URL(authority).origin)
    throw error
  }
}

function answer(
  state: AuthorityState,
  route: Route,
  authority: string,
  request: EndpointRequest,
  fault: TokenFault,
): Answer | Promise<Answer> {
  const context = endpointContext(state, fault)
  switch (route.endpoint) {
    case 'app-service':
      return answerAppService(state.identityHeader, request, context)
    case 'imds':
      return answerImds(request, context)
    case 'azure-pipelines':
      return answerAzurePipelines(state.systemAccessToken, request, context)
    case 'token':
      return answerTokenRequest(authority, route.tenant, request, context)
    case 'keys':
      inTenant(state.principals, route.tenant)
      return { status: 200, body: state.signer.jwks }
    default:
      inTenant(state.principals, route.tenant)
      return { status: 200, body: openidConfiguration(authority) }
  }
}

function endpointContext(state: AuthorityState, { wrongAudience, lifetime, sameToken }: TokenFault): EndpointContext {
  const { principals, signer, issuer, clock, statistics } = state
  const instead = wrongAudience === true ? WRONG_AUDIENCE : wrongAudience
  return {
    principals,
    signer,
    now: clock.now(),
    async issue(principal, asked) {
      const issued = await issuer.issue({ principal, audience: instead ?? asked, lifetime, reuse: sameToken })
      statistics.tokenIssued()
      state.onEvent?.({ type: 'authority.token', principal: principal.name, expiresOn: issued.expiresOnTimestamp })
      return issued
    },
  }
}

async function pause(clock: Clock, delay: number, closed: Promise<void>): Promise<void> {
  let cancel = () => {}
  const elapsed = new Promise<void>((resolve) => {
    const timer = clock.setTimer(delay, resolve)
    cancel = () => timer.cancel()
  })
  await Promise.race([elapsed, closed])
  cancel()
}

/** Path of the App Service identity endpoint, which `IDENTITY_ENDPOINT` names. */
export const APP_SERVICE_PATH = '/msi/token'

/** Path of the endpoint by which an Azure Pipelines job gets a federated token (`SYSTEM_OIDCREQUESTURI`). */
export const AZURE_PIPELINES_PATH = '/pipelines/oidctoken'

/** Where a request goes. */
export interface Route {
  endpoint: Endpoint
  method: 'GET' | 'POST'
  /** The path's first part, if the endpoint is a tenant's. */
  tenant: string
}

/** What is served over plain HTTP: the machine's own identity endpoints. */
export function machineRoute(path: string): Route | undefined {
  const plain = path.replace(/\/$/, '')
  if (plain === APP_SERVICE_PATH) return { endpoint: 'app-service', method: 'GET', tenant: '' }
  if (plain === '/metadata/identity/oauth2/token') return { endpoint: 'imds', method: 'GET', tenant: '' }
  return undefined
}

const TENANT_ROUTES: ReadonlyArray<readonly [rest: string, endpoint: Endpoint, method: 'GET' | 'POST']> = [
  ['oauth2/v2.0/token', 'token', 'POST'],
  ['v2.0/.well-known/openid-configuration', 'openid-configuration', 'GET'],
  ['discovery/v2.0/keys', 'keys', 'GET'],
]

/** What is served over HTTPS: Entra ID and Azure Pipelines. */
export function entraRoute(path: string): Route | undefined {
  if (path === AZURE_PIPELINES_PATH) return { endpoint: 'azure-pipelines', method: 'POST', tenant: '' }
  const [, tenant = '', ...rest] = path.split('/')
  const found = TENANT_ROUTES.find(([known]) => known === rest.join('/'))
  return found && { endpoint: found[1], method: found[2], tenant: decodeURIComponent(tenant) }
}

/**
 * `/{tenant}/v2.0/.well-known/openid-configuration`: what MSAL reads before its first token request.
 *
 * @param authority - `https://host:port/{tenant}`
 */
export function openidConfiguration(authority: string): Record<string, unknown> {
  return {
    issuer: `${authority}/v2.0`,
    authorization_endpoint: `${authority}/oauth2/v2.0/authorize`,
    token_endpoint: `${authority}/oauth2/v2.0/token`,
    end_session_endpoint: `${authority}/oauth2/v2.0/logout`,
    jwks_uri: `${authority}/discovery/v2.0/keys`,
    token_endpoint_auth_methods_supported: ['client_secret_post', 'private_key_jwt'],
    response_types_supported: ['code', 'id_token', 'code id_token', 'id_token token'],
    response_modes_supported: ['query', 'fragment', 'form_post'],
    subject_types_supported: ['pairwise'],
    id_token_signing_alg_values_supported: ['RS256'],
    scopes_supported: ['openid', 'profile', 'email', 'offline_access'],
  }
}
