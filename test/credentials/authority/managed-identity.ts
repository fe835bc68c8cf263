import { expect, it } from 'vitest'
import { signedIn, useAuthority } from './support.ts'

/** The same on each endpoint; in a file for each, since MSAL reads the endpoint once per process and keeps using it. */
export function testManagedIdentity(kind: 'app-service' | 'imds'): void {
  const bench = useAuthority()

  it('signs in as the system-assigned identity', async () => {
    bench.environment(kind)
    expect(await signedIn(bench.credential('ActiveDirectoryManagedIdentity'), bench)).toBe('local-app')
    expect(bench.authority.stats()).toMatchObject({ tokenRequests: 1, byEndpoint: { [kind]: 1 } })
  })

  it.each(['clientId', 'objectId', 'resourceId'] as const)(
    'signs in as a user-assigned identity by its %s',
    async (id) => {
      bench.environment(kind)
      const details = { [id]: bench.authority.principal('local-identity')[id] }
      expect(await signedIn(bench.credential('ActiveDirectoryManagedIdentity', details), bench)).toBe('local-identity')
    },
  )

  it('reports that an identity is unknown', async () => {
    bench.environment(kind)
    const clientId = '00000000-0000-4000-8000-000000000000'
    await expect(signedIn(bench.credential('ActiveDirectoryManagedIdentity', { clientId }), bench)).rejects.toThrow(
      /^ManagedIdentityCredential: Authentication failed/,
    )
  })

  it.each([undefined, 'local-identity'])('is found by the default chain (%s)', async (principal) => {
    bench.environment(kind)
    const details = principal === undefined ? {} : { clientId: bench.authority.principal(principal).clientId }
    expect(await signedIn(bench.credential('ActiveDirectoryDefault', details), bench)).toBe(principal ?? 'local-app')
  })

  it('is found by the default chain by its resource id', async () => {
    bench.environment(kind)
    const { resourceId } = bench.authority.principal('local-identity')
    expect(await signedIn(bench.credential('ActiveDirectoryDefault', { resourceId }), bench)).toBe('local-identity')
  })
}
