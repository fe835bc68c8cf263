import { type AccessToken, ManagedIdentityCredential, type TokenCredential } from '@azure/identity'
import { describe, expect, it } from 'vitest'
import type { CredentialFunctionOptions } from '../../src/credentials/credential.ts'
import { type CredentialLike, NamedCredential, namedCredentials } from '../../src/credentials/credential.ts'

const { signal } = new AbortController()
const accessToken: AccessToken = { token: 'opaque', expiresOnTimestamp: 5 }

class Mine implements TokenCredential {
  asked: unknown[] = []

  async getToken(...asked: unknown[]): Promise<AccessToken> {
    this.asked.push(asked)
    return accessToken
  }
}

class Made extends NamedCredential {
  async getToken(): Promise<AccessToken> {
    return accessToken
  }
}

function named(given: CredentialLike | readonly CredentialLike[], tenantId?: string) {
  return namedCredentials(given, (method) => new Made(`by ${method}`, false), tenantId)
}

const only = (given: CredentialLike, tenantId?: string) => {
  const [credential] = named(given, tenantId)
  if (credential === undefined) throw new Error('none')
  return credential
}

const jwt = (claims: object) => ['{"alg":"none"}', JSON.stringify(claims), 'x'].map(base64url).join('.')
const base64url = (text: string) => Buffer.from(text).toString('base64url')

describe('the credential option', () => {
  it('accepts any kind of credential, in order of preference', () => {
    const ready = new Made('ready', false)
    const list = [
      new ManagedIdentityCredential(),
      new Mine(),
      { getToken: async () => null },
      async function fromVault() {
        return accessToken
      },
      async () => accessToken,
      'AzureCli',
      'Active Directory Managed Identity',
      ready,
    ]
    const credentials = named(list)
    expect(credentials.map(({ name }) => name)).toEqual([
      'ManagedIdentityCredential',
      'Mine',
      'credential',
      'fromVault',
      'function',
      'by AzureCli',
      'by ActiveDirectoryManagedIdentity',
      'ready',
    ])
    expect(credentials.at(-1)).toBe(ready)
  })

  it('recognizes interactive credentials by their class', () => {
    class InteractiveBrowserCredential extends Mine {}
    class DeviceCodeCredential extends Mine {}
    const credentials = named([new InteractiveBrowserCredential(), new DeviceCodeCredential(), new Mine()])
    expect(credentials.map(({ interactive }) => interactive)).toEqual([true, true, false])
  })

  it.each<[unknown, string]>([
    [undefined, 'credential must be a credential of @azure/identity'],
    [null, 'credential must be'],
    [7, 'credential must be'],
    [{}, 'credential must be'],
    [[new Mine(), {}], 'credential[1] must be'],
    [[], 'credential is an empty list'],
    [[['AzureCli']], 'credential[0] must be'],
    ['AzureClj', 'There is no authentication "AzureClj". Did you mean AzureCli?'],
  ])('rejects %j', (given, message) => {
    expect(() => named(given as CredentialLike)).toThrow(
      expect.objectContaining({ code: 'CONFIG_INVALID', message: expect.stringContaining(message) }),
    )
  })
})

describe('a credential that the user created', () => {
  it('gets the scope and the signal', async () => {
    const mine = new Mine()
    expect(await only(mine).getToken('scope', { abortSignal: signal })).toBe(accessToken)
    expect(mine.asked).toEqual([['scope', { abortSignal: signal }]])
  })

  it('gets the tenant', async () => {
    const mine = new Mine()
    await only(mine, 'contoso.test').getToken('scope', { abortSignal: signal })
    expect(mine.asked).toEqual([['scope', { abortSignal: signal, tenantId: 'contoso.test' }]])
  })
})

describe('a credential function', () => {
  const ask = (answer: unknown) => only(async () => answer as AccessToken).getToken('scope', { abortSignal: signal })

  it('is called with the scope, the signal and the tenant', async () => {
    const calls: [string, CredentialFunctionOptions][] = []
    const call = (scope: string, options: CredentialFunctionOptions) => {
      calls.push([scope, options])
      return accessToken
    }
    expect(await only(call).getToken('a', { abortSignal: signal })).toBe(accessToken)
    await only(call, 'contoso.test').getToken('b', { abortSignal: signal })
    expect(calls).toEqual([
      ['a', { signal }],
      ['b', { signal, tenantId: 'contoso.test' }],
    ])
  })

  it('that returns a string has its expiry read from the token', async () => {
    const token = jwt({ exp: 1_767_225_600 })
    expect(await ask(token)).toEqual({ token, expiresOnTimestamp: 1_767_225_600_000 })
  })

  it.each([
    ['opaque', 'is not a JSON Web Token'],
    ['a.b.c', 'is not a JSON Web Token'],
    ['', 'is not a JSON Web Token'],
    [jwt({ exp: 'soon' }), 'has no exp claim'],
    [jwt({}), 'has no exp claim'],
  ])('gets an error that says what to return instead of %j', async (token, why) => {
    await expect(ask(token)).rejects.toMatchObject({
      code: 'TOKEN_INVALID',
      message: expect.stringContaining(
        `The credential function returned a string that ${why}, so its expiry is unknown. ` +
          'Return { token, expiresOnTimestamp } instead, with expiresOnTimestamp in ms since the epoch.\n',
      ),
    })
  })

  it('may return null or throw', async () => {
    expect(await ask(null)).toBeNull()
    const throws = only(() => {
      throw new Error('vault is sealed')
    })
    await expect(throws.getToken('scope', { abortSignal: signal })).rejects.toThrow('vault is sealed')
  })
})
