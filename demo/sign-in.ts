import { type AuthenticationMethod, authenticationMethod } from '../src/config/sign-in.ts'
import { EntraError } from '../src/index.ts'
import type { EnvironmentKind, Fault } from '../src/testing/index.ts'
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
