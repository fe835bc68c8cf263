import type { Endpoint } from './statistics.ts'

/** Path of the App Service identity endpoint, which `IDENTITY_ENDPOINT` names. */
export const APP_SERVICE_PATH = '/msi/token'

/** Path of the endpoint by which an Azure Pipelines job gets a federated token (`SYSTEM_OIDCREQUESTURI`). */
export const AZURE_PIPELINES_PATH = '/pipelines/oidctoken'

/** Where a request goes. */
export interface Route {
  endpoint: Endpoint
  method: 'GET' | 'POST'
  /** The path's first part, where the endpoint is a tenant's. */
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

/** What is served over HTTPS: Entra ID, and Azure Pipelines beside it. */
export function entraRoute(path: string): Route | undefined {
  if (path === AZURE_PIPELINES_PATH) return { endpoint: 'azure-pipelines', method: 'POST', tenant: '' }
  const [, tenant = '', ...rest] = path.split('/')
  const found = TENANT_ROUTES.find(([known]) => known === rest.join('/'))
  return found && { endpoint: found[1], method: found[2], tenant: decodeURIComponent(tenant) }
}
