import { chmod, mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { delimiter, join } from 'node:path'
import { ClientCertificateCredential, ClientSecretCredential } from '@azure/identity'
import { type AuthenticationMethod, authenticationMethod } from '../src/credentials/methods.ts'
import { type CredentialLike, EntraError, type SignInOptions } from '../src/index.ts'
import type { EnvironmentKind, Fault } from '../src/testing/index.ts'
import { type Authority, createCertificateAuthority, defaultPrincipals, type Principal } from '../src/testing/index.ts'
import { UsageError } from './command-line.ts'

type Endpoint = NonNullable<Fault['endpoint']>

/** How a way to sign in gets its tokens of the local Azure. */
interface LocalWay {
  /** Which endpoint of the authority gives them. */
  endpoint: Endpoint
  /** The variables by which it finds the authority, where it looks in the environment. */
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
  // Its stand-in is a script with a `#!`, which is no executable on Windows.
  ...(process.platform !== 'win32' && { AzureCli: { endpoint: 'imds' } }),
}

/** The ways to sign in that the demo has. */
export const LOCAL_METHODS = Object.keys(LOCAL_WAYS) as AuthenticationMethod[]

/**
 * Reads `--authentication`: one way to sign in, or several in order of preference.
 *
 * @throws UsageError
 */
export function readMethods(text: string): AuthenticationMethod[] {
  return text.split(',').map(readMethod)
}

function readMethod(text: string): AuthenticationMethod {
  const choice = `There are ${LOCAL_METHODS.join(', ')}.`
  let method: AuthenticationMethod
  try {
    method = authenticationMethod(text)
  } catch (error) {
    if (!(error instanceof EntraError)) throw error
    throw new UsageError(`--authentication ${text.trim()} is none that the demo has. ${choice}`)
  }
  if (LOCAL_WAYS[method] !== undefined) return method
  throw new UsageError(`--authentication ${method} cannot run here: it needs a person or a tool of Azure's. ${choice}`)
}

/** The variables that the credentials need, by the names that the authority has for them. */
export function environmentsOf(methods: readonly AuthenticationMethod[]): EnvironmentKind[] {
  return methods.flatMap((method) => LOCAL_WAYS[method]?.environment ?? [])
}

/**
 * Of several ways to sign in, the endpoint whose failure leaves the first without a token and another one with; undefined
 * where there is none.
 */
export function outageOf([first, ...others]: readonly AuthenticationMethod[]): Endpoint | undefined {
  const endpoint = first && LOCAL_WAYS[first]?.endpoint
  return others.some((other) => LOCAL_WAYS[other]?.endpoint !== endpoint) ? endpoint : undefined
}

/** Variables by which `@azure/identity` would find another Azure than the local one. */
const VARIABLES = /^(AZURE|IDENTITY_|MSI_|IMDS_|SYSTEM_)/

const SERVICE = 'local-service'

/** The principals of the authority, of whom the application has a certificate, and that with its private key as PEM. */
export async function certifiedPrincipals(): Promise<{ principals: Principal[]; pem: string }> {
  const authority = await createCertificateAuthority()
  const { key, certificate } = await authority.issue({ hosts: [SERVICE], keyType: 'rsa' })
  const principals = defaultPrincipals().map((principal) =>
    principal.name === SERVICE ? { ...principal, certificate } : principal,
  )
  return { principals, pem: `${key}${certificate}` }
}

/**
 * The options by which an adapter signs in to the local Azure. Sets the variables of this process that the credentials
 * look at.
 *
 * @param pem - of {@link certifiedPrincipals}, where one of the methods is by certificate
 */
export function signInOptions(methods: readonly AuthenticationMethod[], authority: Authority, pem = ''): SignInOptions {
  for (const name of Object.keys(process.env)) if (VARIABLES.test(name)) delete process.env[name]
  for (const kind of environmentsOf(methods)) Object.assign(process.env, authority.environment(kind))
  // The default chain is to look for no tool that somebody has signed in with.
  process.env.AZURE_TOKEN_CREDENTIALS = 'prod'
  const credentialOptions = authority.clientOptions()
  const { tenantId, clientId, secret = '' } = authority.principal(SERVICE)
  // A name alone gives these no secret: that is said in a connection string, or by the credential itself.
  const made: { [Method in AuthenticationMethod]?: () => CredentialLike } = {
    ActiveDirectoryServicePrincipal: () => new ClientSecretCredential(tenantId, clientId, secret, credentialOptions),
    ActiveDirectoryServicePrincipalCertificate: () =>
      new ClientCertificateCredential(tenantId, clientId, { certificate: pem }, credentialOptions),
  }
  const credential = methods.map((method) => made[method]?.() ?? method)
  const isNamed = credential.some((each) => typeof each === 'string')
  return { credential, ...(isNamed && { credentialOptions }) }
}

/** A stand-in for the Azure CLI, first on the `PATH` of this process. */
export interface AzureCli {
  close(): Promise<void>
}

/**
 * Puts an `az` on the `PATH` that knows `account get-access-token`, and gets the token as the real one does after
 * `az login --identity`: of the Instance Metadata Service.
 */
export async function installAzureCli(imdsHost: string): Promise<AzureCli> {
  const folder = await mkdtemp(join(tmpdir(), 'azure-cli-'))
  const path = process.env.PATH
  const command = join(folder, 'az')
  await writeFile(command, programOf(imdsHost))
  await chmod(command, 0o700)
  process.env.PATH = [folder, path].join(delimiter)
  return {
    async close() {
      process.env.PATH = path
      await rm(folder, { recursive: true })
    },
  }
}

/** A script without an extension is CommonJS, which has no `await` at the top. */
function programOf(imdsHost: string): string {
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
