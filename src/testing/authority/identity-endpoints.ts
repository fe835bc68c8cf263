import { randomUUID } from 'node:crypto'
import type { Answer, EndpointRequest } from './http.ts'
import { epochSeconds, federatedClaims, type Principal, sameId } from './principals.ts'
import type { EndpointContext } from './token-endpoint.ts'

const APP_SERVICE_VERSION = '2019-08-01'
const IMDS_VERSION = '2018-02-01'

/**
 * The identity endpoint of App Service and Azure Functions.
 *
 * @param identityHeader - what `X-IDENTITY-HEADER` must be
 */
export async function answerAppService(
  identityHeader: string,
  { query, headers }: EndpointRequest,
  context: EndpointContext,
): Promise<Answer> {
  if (headers['x-identity-header'] !== identityHeader) {
    return appServiceError(401, 'The X-IDENTITY-HEADER request header is missing or wrong.')
  }
  if (query.get('api-version') !== APP_SERVICE_VERSION) {
    return appServiceError(400, `The api-version query parameter must be ${APP_SERVICE_VERSION}.`)
  }
  const resource = query.get('resource')
  if (resource === null || resource === '') return appServiceError(400, 'The resource query parameter is missing.')
  const principal = findManagedIdentity(context.principals, query)
  if (principal === undefined) {
    return appServiceError(
      400,
      namesIdentity(query)
        ? 'No User Assigned or Delegated Managed Identity found for specified ClientId/ResourceId/PrincipalId.'
        : 'Unable to load the proper Managed Identity.',
    )
  }
  const { token, expiresOnTimestamp } = await context.issue(principal, resource)
  return {
    status: 200,
    body: {
      access_token: token,
      client_id: principal.clientId,
      expires_on: String(epochSeconds(expiresOnTimestamp)),
      resource,
      token_type: 'Bearer',
    },
  }
}

/** The Instance Metadata Service of virtual machines. A request without the `Metadata` header is how it is probed. */
export async function answerImds({ query, headers }: EndpointRequest, context: EndpointContext): Promise<Answer> {
  if (headers.metadata !== 'true') return imdsError('Required metadata header not specified')
  if (query.get('api-version') !== IMDS_VERSION) {
    return {
      status: 400,
      body: {
        error:
          'Bad request. api-version is invalid or was not specified in the request. For more information refer to aka.ms/azureimds',
        'newest-versions': [IMDS_VERSION],
      },
    }
  }
  const resource = query.get('resource')
  if (resource === null || resource === '') return imdsError('Required resource parameter not specified')
  const principal = findManagedIdentity(context.principals, query)
  if (principal === undefined) return imdsError('Identity not found')
  const { token, expiresOnTimestamp } = await context.issue(principal, resource)
  const lifetime = String(epochSeconds(expiresOnTimestamp - context.now))
  return {
    status: 200,
    body: {
      access_token: token,
      client_id: principal.clientId,
      expires_in: lifetime,
      expires_on: String(epochSeconds(expiresOnTimestamp)),
      ext_expires_in: lifetime,
      not_before: String(epochSeconds(context.now)),
      resource,
      token_type: 'Bearer',
    },
  }
}

/** How the endpoints let a user-assigned identity be named. */
const IDENTITY_PARAMETERS = [
  ['client_id', 'clientId'],
  ['object_id', 'objectId'],
  ['principal_id', 'objectId'],
  ['mi_res_id', 'resourceId'],
  ['msi_res_id', 'resourceId'],
] as const

function namesIdentity(query: URLSearchParams): boolean {
  return IDENTITY_PARAMETERS.some(([parameter]) => query.has(parameter))
}

/** Any managed identity of the machine may be named; the system-assigned one is also what an unnamed request means. */
function findManagedIdentity(principals: readonly Principal[], query: URLSearchParams): Principal | undefined {
  const identities = principals.filter(({ kind }) => kind === 'system-assigned' || kind === 'user-assigned')
  const named = IDENTITY_PARAMETERS.filter(([parameter]) => query.has(parameter))
  if (named.length === 0) return identities.find(({ kind }) => kind === 'system-assigned')
  return identities.find((identity) =>
    named.every(([parameter, property]) => sameId(identity[property], query.get(parameter) ?? '')),
  )
}

function appServiceError(status: number, message: string): Answer {
  return { status, body: { statusCode: status, message, correlationId: randomUUID() } }
}

function imdsError(description: string): Answer {
  return { status: 400, body: { error: 'invalid_request', error_description: description } }
}

const API_VERSION = '7.1'

/** As long as Azure Pipelines' own, in ms. */
const LIFETIME = 600_000

/**
 * Azure DevOps' `oidctoken`: a federated token for the service connection of a pipeline's job. The connection's id is
 * the object id of the principal that it stands for.
 *
 * @param accessToken - the job's `System.AccessToken`
 */
export async function answerAzurePipelines(
  accessToken: string,
  { query, headers }: EndpointRequest,
  { principals, signer, now }: EndpointContext,
): Promise<Answer> {
  if (headers.authorization !== `Bearer ${accessToken}`) return refused(401, 'TF400813: The user is not authorized.')
  if (query.get('api-version') !== API_VERSION) return refused(400, `The api-version must be ${API_VERSION}.`)
  const connection = query.get('serviceConnectionId') ?? ''
  const principal = principals.find(({ objectId }) => sameId(objectId, connection))
  if (principal === undefined) return refused(404, `There is no service connection ${connection}.`)
  return { status: 200, body: { oidcToken: await signer.sign(federatedClaims(principal, now, LIFETIME)) } }
}

function refused(status: number, message: string): Answer {
  return { status, body: { message } }
}
