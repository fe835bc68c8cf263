import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { Principal } from './principals.ts'

/** The ways of `@azure/identity` to sign in that the environment can choose. */
export type EnvironmentKind = 'app-service' | 'imds' | 'workload-identity' | 'client-secret' | 'azure-pipelines'

/** Where things are. */
export interface Surroundings {
  identityEndpoint: string
  identityHeader: string
  imdsHost: string
  authorityHost: string
  oidcRequestUri: string
  systemAccessToken: string
  /** Writes the certificate authority's certificate and gives the path. */
  caFile(): string
  /** Writes the principal's federated token and gives the path. */
  federatedTokenFile(): string
}

/** The variables that make the credentials of `@azure/identity` use the authority as this principal. */
export function environmentFor(
  kind: EnvironmentKind,
  principal: Principal,
  surroundings: Surroundings,
): Record<string, string> {
  switch (kind) {
    case 'app-service':
      return {
        IDENTITY_ENDPOINT: surroundings.identityEndpoint,
        IDENTITY_HEADER: surroundings.identityHeader,
        ...namedIdentity(principal),
      }
    case 'imds':
      return { AZURE_POD_IDENTITY_AUTHORITY_HOST: surroundings.imdsHost, ...namedIdentity(principal) }
    case 'workload-identity':
      return { ...entra(principal, surroundings), AZURE_FEDERATED_TOKEN_FILE: surroundings.federatedTokenFile() }
    case 'client-secret':
      return { ...entra(principal, surroundings), AZURE_CLIENT_SECRET: principal.secret ?? '' }
    case 'azure-pipelines':
      return {
        ...authority(surroundings),
        SYSTEM_OIDCREQUESTURI: surroundings.oidcRequestUri,
        SYSTEM_ACCESSTOKEN: surroundings.systemAccessToken,
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

function entra(principal: Principal, surroundings: Surroundings): Record<string, string> {
  return { ...authority(surroundings), AZURE_TENANT_ID: principal.tenantId, AZURE_CLIENT_ID: principal.clientId }
}

function authority({ authorityHost, caFile }: Surroundings): Record<string, string> {
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
