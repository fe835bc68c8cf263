import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { delimiter, join } from 'node:path'
import { ClientCertificateCredential, ClientSecretCredential } from '@azure/identity'
import { UsageError } from '../scripts/support/command-line.ts'
import { type AuthenticationMethod, authenticationMethod } from '../src/credentials/methods.ts'
import { type CredentialLike, EntraError, type SignInOptions } from '../src/index.ts'
import {
  type Authority,
  createCertificateAuthority,
  defaultPrincipals,
  type EnvironmentKind,
  type Fault,
  type Principal,
} from '../src/testing/index.ts'

type Endpoint = NonNullable<Fault['endpoint']>

/** How a way to sign in gets its tokens from the local Azure. */
interface LocalWay {
  /** The authority's endpoint. */
  endpoint: Endpoint
  /** The variables that lead it to the authority, if it reads any. */
  environment?: EnvironmentKind
}

const LOCAL_WAYS: { readonly [Method in AuthenticationMethod]?: LocalWay } = {
  ActiveDirectoryManagedIdentity: { endpoint: 'app-service', environment: 'app-service' },
  ActiveDirectoryServicePrincipal: { endpoint: 'token' },
  ActiveDirectoryServicePrincipalCertificate: { endpoint: 'token' },
  ActiveDirectoryWorkloadIdentity: { endpoint: 'token', environment: 'workload-identity' },
  ActiveDirectoryDefault: { endpoint: 'app-service', environment: 'app-service' },
  Environment: { endpoint: 'token', environment: 'client-secret' },
  AzurePipelines: { endpoint: 'token', environment: 'azure-pipelines' },
  // Its stand-in is a script with a `#!`, which Windows cannot run.
  ...(process.platform !== 'win32' && { AzureCli: { endpoint: 'imds' } }),
}

/** The ways to sign in that work in the demo. */
export const LOCAL_METHODS = Object.keys(LOCAL_WAYS) as AuthenticationMethod[]

/**
 * Reads `--authentication`: one way to sign in, or several in order of preference.
 *
 * @throws UsageError
 */
export function readMethods(text: string): AuthenticationMethod[] {
  return text.split(',').map((name) => {
    const choice = `Choose one of ${LOCAL_METHODS.join(', ')}.`
    let method: AuthenticationMethod
    try {
      method = authenticationMethod(name)
    } catch (error) {
      if (!(error instanceof EntraError)) throw error
      throw new UsageError(`--authentication ${name.trim()} does not exist. ${choice}`)
    }
    if (LOCAL_WAYS[method] !== undefined) return method
    throw new UsageError(`--authentication ${method} cannot run here: it needs a person or an Azure tool. ${choice}`)
  })
}

/** The variables that the credentials need, by the authority's names for them. */
export function environmentsOf(methods: readonly AuthenticationMethod[]): EnvironmentKind[] {
  return methods.flatMap((method) => LOCAL_WAYS[method]?.environment ?? [])
}

/**
 * The endpoint whose failure leaves the first of several ways to sign in without a token, and another one with; undefined
 * if there is none.
 */
export function outageOf([first, ...others]: readonly AuthenticationMethod[]): Endpoint | undefined {
  const endpoint = first && LOCAL_WAYS[first]?.endpoint
  return others.some((other) => LOCAL_WAYS[other]?.endpoint !== endpoint) ? endpoint : undefined
}

/** Variables that could lead `@azure/identity` to another Azure than the local one. */
const VARIABLES = /^(AZURE|IDENTITY_|MSI_|IMDS_|SYSTEM_)/

const SERVICE = 'local-service'

/** The authority's principals, with a certificate for the application, and that with its private key as PEM. */
export async function certifiedPrincipals(): Promise<{ principals: Principal[]; pem: string }> {
  const authority = await createCertificateAuthority()
  const { key, certificate } = await authority.issue({ hosts: [SERVICE], keyType: 'rsa' })
  const principals = defaultPrincipals().map((principal) =>
    principal.name === SERVICE ? { ...principal, certificate } : principal,
  )
  return { principals, pem: `${key}${certificate}` }
}

/**
 * The options with which an adapter signs in to the local Azure. Sets the environment variables that the credentials
 * read.
 *
 * @param pem - from {@link certifiedPrincipals}, for the method with a certificate
 */
export function signInOptions(
  methods: readonly AuthenticationMethod[],
  authority: Authority,
  pem: string,
): SignInOptions {
  for (const name of Object.keys(process.env)) if (VARIABLES.test(name)) delete process.env[name]
  for (const kind of environmentsOf(methods)) Object.assign(process.env, authority.environment(kind))
  // Keeps the default chain from looking for developer tools.
  process.env.AZURE_TOKEN_CREDENTIALS = 'prod'
  const credentialOptions = authority.clientOptions()
  const { tenantId, clientId, secret = '' } = authority.principal(SERVICE)
  // Their names alone carry no secret.
  const made: { [Method in AuthenticationMethod]?: () => CredentialLike } = {
    ActiveDirectoryServicePrincipal: () => new ClientSecretCredential(tenantId, clientId, secret, credentialOptions),
    ActiveDirectoryServicePrincipalCertificate: () =>
      new ClientCertificateCredential(tenantId, clientId, { certificate: pem }, credentialOptions),
  }
  const credential = methods.map((method) => made[method]?.() ?? method)
  const isNamed = credential.some((each) => typeof each === 'string')
  return { credential, ...(isNamed && { credentialOptions }) }
}

/**
 * Puts a stand-in for the Azure CLI first on this process's `PATH`. It knows `account get-access-token`, and gets tokens
 * as the real one does after `az login --identity`: from the Instance Metadata Service.
 *
 * @returns removes it again
 */
export async function installAzureCli(imdsHost: string): Promise<() => Promise<void>> {
  const folder = await mkdtemp(join(tmpdir(), 'azure-cli-'))
  const path = process.env.PATH
  await writeFile(join(folder, 'az'), scriptFor(imdsHost), { mode: 0o700 })
  process.env.PATH = [folder, path].join(delimiter)
  return async () => {
    process.env.PATH = path
    await rm(folder, { recursive: true })
  }
}

/** A script without an extension is CommonJS, which has no `await` at the top. */
function scriptFor(imdsHost: string): string {
  return `#!${process.execPath}
const resource = process.argv[process.argv.indexOf('--resource') + 1]
const query = new URLSearchParams({ 'api-version': '2018-02-01', resource })
fetch('${imdsHost}/metadata/identity/oauth2/token?' + query, { headers: { Metadata: 'true' } })
  .then(async (response) => {
    const { access_token: accessToken, expires_on } = await response.json()
    if (!response.ok) throw new Error("Please run 'az login' to setup account.")
    console.log(JSON.stringify({ accessToken, expires_on: Number(expires_on), tokenType: 'Bearer' }))
  })
  .catch(({ message }) => {
    console.error('ERROR: ' + message)
    process.exitCode = 1
  })
`
}
