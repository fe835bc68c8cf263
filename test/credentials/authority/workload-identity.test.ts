import { mkdtemp, readFile, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, beforeEach, expect, it, vi } from 'vitest'
import { signedIn, useAuthority } from './support.ts'

const MINUTE = 60_000

const bench = useAuthority()

let folder: string
let tokenFile: string
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'workload-identity-'))
  tokenFile = join(folder, 'token')
})
afterAll(() => rm(folder, { recursive: true }))
beforeEach(() => bench.authority.writeFederatedToken(tokenFile))

it('signs in with the environment that the cluster sets', async () => {
  bench.environment('workload-identity')
  expect(await signedIn(bench.credential('ActiveDirectoryWorkloadIdentity'), bench)).toBe('local-service')
})

it('signs in as the identity that the configuration names', async () => {
  bench.environment('workload-identity')
  vi.stubEnv('AZURE_FEDERATED_TOKEN_FILE', tokenFile)
  await bench.authority.writeFederatedToken(tokenFile, { principal: 'local-identity' })
  const { tenantId, clientId } = bench.authority.principal('local-identity')
  const credential = bench.credential('ActiveDirectoryWorkloadIdentity', { tenantId, clientId })
  expect(await signedIn(credential, bench)).toBe('local-identity')
})

it('is found by the default chain', async () => {
  bench.environment('workload-identity')
  expect(await signedIn(bench.credential('ActiveDirectoryDefault'), bench)).toBe('local-service')
})

it('sends the current token of the file, which the cluster rotates', async () => {
  vi.useFakeTimers({ toFake: ['Date'] })
  bench.environment('workload-identity')
  vi.stubEnv('AZURE_FEDERATED_TOKEN_FILE', tokenFile)
  const credential = bench.credential('ActiveDirectoryWorkloadIdentity')
  await bench.authority.writeFederatedToken(tokenFile, { lifetime: 10 * MINUTE })
  const first = await readFile(tokenFile, 'utf8')
  await signedIn(credential, bench)

  // @azure/identity keeps sending a token that it has read for five minutes.
  vi.setSystemTime(Date.now() + 11 * MINUTE)
  await expect(signedIn(credential, bench)).rejects.toThrow('AADSTS700024')
  await bench.authority.writeFederatedToken(tokenFile, { lifetime: 10 * MINUTE })
  expect(await readFile(tokenFile, 'utf8')).not.toBe(first)
  vi.setSystemTime(Date.now() + 5 * MINUTE)
  expect(await signedIn(credential, bench)).toBe('local-service')
})

it('reports that the file does not exist', async () => {
  bench.environment('workload-identity')
  vi.stubEnv('AZURE_FEDERATED_TOKEN_FILE', join(folder, 'none'))
  await expect(signedIn(bench.credential('ActiveDirectoryWorkloadIdentity'), bench)).rejects.toThrow(/ENOENT.*none/)
})
