import { federatedClaims } from './federated-token.ts'
import type { Answer, EndpointRequest } from './http.ts'
import { sameId } from './principals.ts'
import type { EndpointContext } from './token-endpoint.ts'

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
