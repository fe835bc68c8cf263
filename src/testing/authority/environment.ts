import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { Principal } from './principals.ts'

/** The sign-in methods of `@azure/identity` that the environment can choose. */
export type EnvironmentKind = 'app-service' | 'imds' | 'workload-identity' | 'client-secret' | 'azure-pipelines'

/** Where an authority's endpoints and files are. */
export interface AuthorityLocation {
  identityEndpoint: string
  identityHeader: string
  imdsHost: string
  authorityHost: string
  oidcRequestUri: string
  systemAccessToken: string
  /** Writes the certificate authority's certificate and returns the path. */
  caFile(): string
  /** Writes the principal's federated token and returns the path. */
  federatedTokenFile(): string
}

/** The variables that make the credentials of `@azure/identity` use the authority as this principal. */
export function environmentFor(
  kind: EnvironmentKind,
  principal: Principal,
  location: AuthorityLocation,
): Record<string, string> {
  switch (kind) {
    case 'app-service':
      return {
        IDENTITY_ENDPOINT: location.identityEndpoint,
        IDENTITY_HEADER: location.identityHeader,
        ...namedIdentity(principal),
      }
    case 'imds':
      return { AZURE_POD_IDENTITY_AUTHORITY_HOST: location.imdsHost, ...namedIdentity(principal) }
    case 'workload-identity':
      return { ...entra(principal, location), AZURE_FEDERATED_TOKEN_FILE: location.federatedTokenFile() }
    case 'client-secret':
      return { ...entra(principal, location), AZURE_CLIENT_SECRET: principal.secret ?? '' }
    case 'azure-pipelines':
      return {
        ...authority(location),
        SYSTEM_OIDCREQUESTURI: location.oidcRequestUri,
        SYSTEM_ACCESSTOKEN: location.systemAccessToken,
        AZURESUBSCRIPTION_TENANT_ID: principal.tenantId,
        AZURESUBSCRIPTION_CLIENT_ID: principal.clientId,
        AZURESUBSCRIPTION_SERVICE_CONNECTION_ID: principal.objectId,
      }
  }
}

/** `DefaultAzureCredential` asks for the user-assigned identity that `AZURE_CLIENT_ID` names. */
function namedIdentity(principal: Principal): Record<string, string> {
  return principal.kind === 'user-assigned' ? { AZURE_CLIENT_ID: principal.clientId } : {}
}

function entra(principal: Principal, location: AuthorityLocation): Record<string, string> {
  return { ...authority(location), AZURE_TENANT_ID: principal.tenantId, AZURE_CLIENT_ID: principal.clientId }
}

function authority({ authorityHost, caFile }: AuthorityLocation): Record<string, string> {
  return { AZURE_AUTHORITY_HOST: authorityHost, NODE_EXTRA_CA_CERTS: caFile() }
}

/** A folder that is made when the first file is written, for this user alone. */
export class TemporaryFolder {
  #path: string | undefined

  /** Gives the file's path. */
  write(name: string, content: string): string {
    this.#path ??= mkdtempSync(join(tmpdir(), 'local-authority-'))
    const path = join(this.#path, name)
    writeFileSync(path, content, { mode: 0o600 })
    return path
  }

  remove(): void {
    if (this.#path !== undefined) rmSync(this.#path, { recursive: true, force: true })
    this.#path = undefined
  }
}
