import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeEach, expect, it, vi } from 'vitest'
import { CredentialChain } from '../../../src/credentials/chain.ts'
import { systemClock } from '../../../src/time/clock.ts'
import { TokenSource } from '../../../src/token/token-source.ts'
import { StandInCommand } from './stand-in-command.ts'
import { SQL, signedIn, useAuthority } from './support.ts'

const bench = useAuthority()
const PERSON = 'person@local.test'

const folder = mkdtempSync(join(tmpdir(), 'default-chain-'))
afterAll(() => rmSync(folder, { recursive: true }))
beforeEach(() => {
  vi.stubEnv('PATH', folder)
  bench.authority.inject({ status: 400, endpoint: 'imds' })
})

it('the default chain that finds nothing lists each credential that it tried, one per line', async () => {
  const chain = new CredentialChain([bench.credential('ActiveDirectoryDefault')], systemClock, (answer) => answer)
  const { signal: abortSignal } = new AbortController()
  const failure = await chain.getToken(SQL, { abortSignal }).catch((error: unknown) => error)
  expect(failure).toMatchObject({ code: 'CREDENTIALS_FAILED', errors: expect.any(Array) })
  const [first, ...lines] = (failure as Error).message.split('\n')
  expect(first).toBe('DefaultAzureCredential could not get a token:')
  expect(lines).toEqual([
    expect.stringMatching(/^- EnvironmentCredential is unavailable\./),
    expect.stringMatching(/^- ManagedIdentityCredential: Authentication failed\./),
    expect.stringMatching(/^- Visual Studio Code Authentication is not available\./),
    expect.stringMatching(/^- Azure CLI could not be found\./),
    expect.stringMatching(/^- .*PowerShell/),
    expect.stringMatching(/^- Azure Developer CLI couldn't be found\./),
    'Set up one of them here, or choose another way to sign in (authentication=…).',
    expect.stringMatching(/^See .*#credentials_failed$/),
  ])
})

it.skipIf(process.platform === 'win32')('finds the Azure CLI where there is nothing else', async () => {
  const { token, expiresOnTimestamp } = await bench.authority.issueToken({
    principal: PERSON,
    audience: 'https://database.windows.net',
  })
  const az = new StandInCommand(folder, 'az')
  az.answer({ stdout: JSON.stringify({ accessToken: token, expires_on: expiresOnTimestamp / 1000 }) })
  expect(await signedIn(bench.credential('ActiveDirectoryDefault'), bench, SQL)).toBe(PERSON)
  expect(az.calls).toHaveLength(1)
})

it('the default chain stops at a wrong secret; a list of credentials does not', async () => {
  bench.environment('client-secret')
  vi.stubEnv('AZURE_CLIENT_SECRET', 'wrong')
  const chain = bench.credential('ActiveDirectoryDefault')
  await expect(signedIn(chain, bench)).rejects.toThrow('EnvironmentCredential authentication failed')

  const { tenantId, clientId, secret } = bench.authority.principal('local-service')
  const second = bench.credential('ActiveDirectoryServicePrincipal', { tenantId, clientId, secret })
  const source = new TokenSource([chain, second], { scope: SQL, onEvent: (event) => events.push(event) })
  const events: unknown[] = []
  expect((await source.get()).token).toBe(bench.authority.issuedTokens.at(-1))
  source.close()
  expect(events).toMatchObject([
    {
      type: 'token.acquired',
      credential: 'ClientSecretCredential',
      failed: [{ credential: 'DefaultAzureCredential', reason: expect.stringContaining('AADSTS7000215') }],
    },
  ])
})
