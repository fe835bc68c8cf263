import { expect, it, vi } from 'vitest'
import { signedIn, useAuthority } from './support.ts'

const bench = useAuthority()

it('signs in with the service connection of the task', async () => {
  bench.environment('azure-pipelines')
  expect(await signedIn(bench.credential('AzurePipelines'), bench)).toBe('local-service')
  // MSAL asks for the federated token twice.
  expect(bench.authority.stats().byEndpoint).toMatchObject({ 'azure-pipelines': 2, token: 1, imds: 0 })
})

it('signs in as the application that the configuration names', async () => {
  bench.environment('azure-pipelines', 'local-identity')
  const { tenantId, clientId } = bench.authority.principal('local-identity')
  vi.stubEnv('AZURESUBSCRIPTION_CLIENT_ID', undefined)
  const credential = bench.credential('AzurePipelines', { tenantId, clientId })
  expect(await signedIn(credential, bench)).toBe('local-identity')
})

it.each([
  ['SYSTEM_ACCESSTOKEN', 'wrong', /TF400813/],
  ['AZURESUBSCRIPTION_SERVICE_CONNECTION_ID', 'none', /There is no service connection none/],
])('is refused with another %s', async (variable, value, message) => {
  bench.environment('azure-pipelines')
  vi.stubEnv(variable, value)
  await expect(signedIn(bench.credential('AzurePipelines'), bench)).rejects.toThrow(message)
})
