import type { Clock } from '../../time/clock.ts'
import type { FaultList } from '../fault-list.ts'
import { WRONG_AUDIENCE } from './audiences.ts'
import { answerAzurePipelines } from './azure-pipelines-endpoint.ts'
import { openidConfiguration } from './discovery.ts'
import { EntraRefusal } from './entra-error.ts'
import { befalls, type Fault, type StatusFault, type TokenFault } from './faults.ts'
import type { Answer, EndpointRequest, Outcome } from './http.ts'
import { answerAppService, answerImds } from './managed-identity-endpoint.ts'
import type { Principal } from './principals.ts'
import type { Route } from './routes.ts'
import type { Signer } from './signer.ts'
import type { Statistics } from './statistics.ts'
import { answerTokenRequest, type EndpointContext, inTenant } from './token-endpoint.ts'
import type { TokenIssuer } from './token-issuer.ts'

/** All that an answer is made of. */
export interface Parts {
  clock: Clock
  signer: Signer
  issuer: TokenIssuer
  principals: readonly Principal[]
  identityHeader: string
  /** The `System.AccessToken` of a pipeline's job. */
  systemAccessToken: string
  faults: FaultList<Fault>
  statistics: Statistics
}

/** What becomes of a request: it is counted, befallen by a fault where one fits, and else answered. */
export async function handleRequest(
  parts: Parts,
  route: Route | undefined,
  request: EndpointRequest,
  closed: Promise<void>,
): Promise<Outcome> {
  const endpoint = route?.endpoint ?? 'other'
  parts.statistics.request(endpoint, closed)
  const fault = parts.faults.take((fault) => befalls(fault, endpoint))
  if (fault?.delay !== undefined) await pause(parts.clock, fault.delay, closed)
  const instead = fault && outcomeOf(fault)
  if (instead !== undefined) return instead
  if (route === undefined) return { status: 404, body: { error: 'not_found' } }
  if (request.method !== route.method) return { status: 405, headers: { Allow: route.method } }
  const authority = `https://${request.headers.host}/${route.tenant}`
  try {
    return await answer(parts, route, authority, request, (fault ?? {}) as TokenFault)
  } catch (error) {
    if (error instanceof EntraRefusal) return error.toAnswer(parts.clock.now(), new URL(authority).origin)
    throw error
  }
}

function answer(
  parts: Parts,
  route: Route,
  authority: string,
  request: EndpointRequest,
  fault: TokenFault,
): Answer | Promise<Answer> {
  const context = endpointContext(parts, fault)
  switch (route.endpoint) {
    case 'app-service':
      return answerAppService(parts.identityHeader, request, context)
    case 'imds':
      return answerImds(request, context)
    case 'azure-pipelines':
      return answerAzurePipelines(parts.systemAccessToken, request, context)
    case 'token':
      return answerTokenRequest(authority, route.tenant, request, context)
    case 'keys':
      inTenant(parts.principals, route.tenant)
      return { status: 200, body: parts.signer.jwks }
    default:
      inTenant(parts.principals, route.tenant)
      return { status: 200, body: openidConfiguration(authority) }
  }
}

function endpointContext(parts: Parts, { wrongAudience, lifetime, sameToken }: TokenFault): EndpointContext {
  const { principals, signer, issuer, clock, statistics } = parts
  const instead = wrongAudience === true ? WRONG_AUDIENCE : wrongAudience
  return {
    principals,
    signer,
    now: clock.now(),
    async issue(principal, asked) {
      const issued = await issuer.issue({ principal, audience: instead ?? asked, lifetime, reuse: sameToken })
      statistics.tokenIssued()
      return issued
    },
  }
}

/** What a fault makes of a request by itself; `undefined` where the endpoint still answers. */
function outcomeOf(fault: Fault): Outcome | undefined {
  if ('hang' in fault) return 'hang'
  if ('disconnect' in fault) return 'disconnect'
  return 'status' in fault ? statusAnswer(fault) : undefined
}

function statusAnswer({ status, retryAfter, body }: StatusFault): Answer {
  return {
    status,
    ...(retryAfter === undefined ? {} : { headers: { 'Retry-After': String(retryAfter) } }),
    body: body ?? { error: 'temporarily_unavailable', error_description: descriptionOf(status) },
  }
}

function descriptionOf(status: number): string {
  if (status !== 429) return `Injected by the test: status ${status}.`
  return 'AADSTS90055: There are too many incoming requests. This exception is thrown for blocked tenants.'
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
