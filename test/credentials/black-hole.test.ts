import { once } from 'node:events'
import { type AddressInfo, createServer, type Socket } from 'node:net'
import type { AccessToken } from '@azure/identity'
import { afterEach, beforeEach, expect, it, vi } from 'vitest'
import { CredentialChain } from '../../src/credentials/chain.ts'
import { PUBLIC_CLOUD } from '../../src/credentials/clouds.ts'
import { credentialsFor, type SignInOptions } from '../../src/credentials/sign-in-options.ts'
import { systemClock } from '../../src/time/clock.ts'

beforeEach(() => {
  for (const name of Object.keys(process.env))
    if (/^(AZURE|IDENTITY_|MSI_|IMDS_)/.test(name)) vi.stubEnv(name, undefined)
})
afterEach(() => vi.unstubAllEnvs())

/** Takes connections in place of IMDS, and never answers. */
async function blackHole() {
  const sockets: Socket[] = []
  const heard: string[] = []
  const server = createServer((socket) => {
    sockets.push(socket)
    socket.on('error', () => {}).on('data', (data) => heard.push(String(data)))
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  const origin = `http://127.0.0.1:${(server.address() as AddressInfo).port}`
  type Policies = NonNullable<NonNullable<SignInOptions['credentialOptions']>['additionalPolicies']>
  const toHere: Policies[number] = {
    position: 'perCall',
    policy: {
      name: 'to the black hole',
      sendRequest(request, next) {
        request.url = request.url.replace('http://169.254.169.254', origin)
        return next(request)
      },
    },
  }
  return {
    sockets,
    heard,
    options: { additionalPolicies: [toHere] },
    async close() {
      for (const socket of sockets) socket.destroy()
      server.close()
      await once(server, 'close')
    },
  }
}

it('a managed identity whose endpoint never answers is given up by its own probe, and the next credential is asked', async () => {
  const hole = await blackHole()
  const mine = { token: 'mine', expiresOnTimestamp: 0 } satisfies AccessToken
  const options = { credential: ['ActiveDirectoryManagedIdentity', () => mine], credentialOptions: hole.options }
  const credentials = credentialsFor(options, [], { cloud: PUBLIC_CLOUD }, () => {})
  const chain = new CredentialChain(credentials, systemClock, (answer) => answer)
  expect(
    await chain.getToken('https://database.windows.net/.default', { abortSignal: new AbortController().signal }),
  ).toBe(mine)
  // Its own failure. If the chain had gone on without it, after 5 s, it would be that another answered first.
  expect(chain.failures).toMatchObject([
    { credential: 'ManagedIdentityCredential', error: { name: 'CredentialUnavailableError' } },
  ])
  // One request without the header of a real one, and nothing that is left to hold the process.
  expect(hole.heard.map((text) => /^GET \/metadata\/identity/.test(text) && !/^metadata: true/im.test(text))).toEqual([
    true,
  ])
  await vi.waitFor(() => expect(hole.sockets.map(({ closed }) => closed)).toEqual([true]))
  await hole.close()
})
