import { afterAll, afterEach, beforeAll, beforeEach, expect, vi } from 'vitest'
import { PUBLIC_CLOUD } from '../../../src/credentials/clouds.ts'
import { IdentityCredential } from '../../../src/credentials/identity-credential.ts'
import type { AuthenticationMethod, SignInDetails } from '../../../src/credentials/methods.ts'
import { SignIn } from '../../../src/credentials/sign-in.ts'
import { type Authority, startAuthority } from '../../../src/testing/authority/authority.ts'
import type { EnvironmentKind } from '../../../src/testing/authority/environment.ts'
import type { AuthorityOptions } from '../../../src/testing/authority/options.ts'
import { newScope } from '../../testing/authority/support.ts'

export const SQL = PUBLIC_CLOUD.scope

/** Variables by which `@azure/identity` finds things. */
const VARIABLES = /^(AZURE|IDENTITY_|MSI_|IMDS_|SYSTEM_|NODE_EXTRA_CA)/

/** An authority for the file, and the real credentials of `@azure/identity` on it, in an environment of their own. */
export interface Bench {
  readonly authority: Authority
  /** Sets the variables until the test ends. */
  environment(kind: EnvironmentKind, principal?: string): void
  credential(method: AuthenticationMethod, details?: SignInDetails): IdentityCredential
}

export function useAuthority(options: () => AuthorityOptions | Promise<AuthorityOptions> = () => ({})): Bench {
  let started: Authority | undefined
  const bench: Bench = {
    get authority() {
      if (started === undefined) throw new Error('Only to be used inside of a test.')
      return started
    },
    environment(kind, principal) {
      for (const [name, value] of Object.entries(bench.authority.environment(kind, principal))) vi.stubEnv(name, value)
    },
    credential(method, details) {
      // Without retries: `@azure/identity` would take seconds over each error.
      const identityOptions = { ...bench.authority.clientOptions(), retryOptions: { maxRetries: 0 } }
      const surroundings = { cloud: PUBLIC_CLOUD, options: identityOptions }
      return new IdentityCredential(new SignIn(method, details), surroundings, process.env)
    },
  }
  beforeAll(async () => {
    started = await startAuthority(await options())
  })
  beforeEach(() => {
    for (const name of Object.keys(process.env)) if (VARIABLES.test(name)) vi.stubEnv(name, undefined)
    // Nobody is to look for a managed identity at its address in Azure.
    vi.stubEnv('AZURE_POD_IDENTITY_AUTHORITY_HOST', bench.authority.imdsHost)
    bench.authority.resetStats()
  })
  afterEach(() => {
    vi.useRealTimers()
    vi.unstubAllEnvs()
    bench.authority.clearFaults()
  })
  afterAll(() => started?.close())
  return bench
}

/** Asks for a token; it is verified by its claims, and who was signed in is given. */
export async function signedIn(
  credential: IdentityCredential,
  { authority }: Bench,
  scope = newScope(),
): Promise<string> {
  const answer = await credential.getToken(scope, { abortSignal: AbortSignal.timeout(60_000) })
  const claims = JSON.parse(Buffer.from(answer?.token.split('.')[1] ?? '', 'base64url').toString())
  expect(claims.aud).toBe(scope.replace('/.default', ''))
  expect(answer?.expiresOnTimestamp).toBeLessThanOrEqual((claims.exp + 1) * 1000)
  expect(authority.issuedTokens).toContain(answer?.token)
  return authority.principals.find(({ objectId }) => objectId === claims.oid)?.name ?? 'nobody'
}
