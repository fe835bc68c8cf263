import { inspect } from 'node:util'
import { describe, expect, expectTypeOf, it } from 'vitest'
import { cloudOf, PUBLIC_CLOUD } from '../../src/credentials/clouds.ts'
import { identityCredential } from '../../src/credentials/identity-credential.ts'
import { SignIn } from '../../src/credentials/sign-in.ts'
import { credentialsFor, type SignInOptions } from '../../src/credentials/sign-in-options.ts'

const CLIENT = '7e4a0000-0000-4000-8000-0000000c1101'

function read(options: SignInOptions, configured?: SignIn) {
  const warnings: [message: string, parameter: string][] = []
  const credentials = credentialsFor(
    options,
    configured === undefined ? [] : [configured],
    { cloud: PUBLIC_CLOUD },
    (...warning) => warnings.push(warning),
  )
  return { credentials, warnings }
}

/** The credential for a sign-in is the same object each time. */
const made = (...[method, details]: ConstructorParameters<typeof SignIn>) =>
  identityCredential(new SignIn(method, details), { cloud: PUBLIC_CLOUD })

describe('the sign-in', () => {
  it('uses the default chain if nothing is configured', () => {
    expect(read({}).credentials).toEqual([made('ActiveDirectoryDefault')])
    expect(read({}).credentials[0]?.name).toBe('DefaultAzureCredential')
  })

  it('follows the config', () => {
    const signIn = new SignIn('ActiveDirectoryManagedIdentity', { clientId: CLIENT })
    const { credentials, warnings } = read({}, signIn)
    expect(credentials[0]).toBe(made('ActiveDirectoryManagedIdentity', { clientId: CLIENT }))
    expect(warnings).toEqual([])
  })

  it('uses only the credentials of the options, with a warning', () => {
    const signIn = new SignIn('ActiveDirectoryServicePrincipal', { clientId: CLIENT, secret: 'x' })
    const { credentials, warnings } = read(
      { credential: ['Environment', 'AzureCli'], tenantId: 'contoso.test' },
      signIn,
    )
    expect(credentials).toHaveLength(2)
    expect(credentials[0]).toBe(made('Environment', { tenantId: 'contoso.test' }))
    expect(credentials[1]).toBe(made('AzureCli', { tenantId: 'contoso.test' }))
    expect(warnings).toEqual([
      ['The options contain a credential, so what the config says about signing in has no effect.', 'authentication'],
    ])
  })

  it('passes the client id to each named credential', () => {
    const mine = { getToken: async () => null }
    const { credentials } = read({ credential: [mine, 'ActiveDirectoryManagedIdentity'], clientId: CLIENT })
    const signIn = new SignIn('ActiveDirectoryManagedIdentity', { clientId: CLIENT })
    expect(credentials[1]).toBe(identityCredential(signIn, { cloud: PUBLIC_CLOUD, inList: true }))
  })
})

describe('a list of sign-ins', () => {
  it('is one credential for each, in order of preference', () => {
    const signIns = [new SignIn('ActiveDirectoryManagedIdentity'), new SignIn('AzureCli')]
    const names = credentialsFor({}, signIns, { cloud: PUBLIC_CLOUD }, () => {}).map(({ name }) => name)
    expect(names).toEqual(['ManagedIdentityCredential', 'AzureCliCredential'])
  })

  it('can be written with names that an editor completes, and with any other', () => {
    type Authentication = Required<SignInOptions>['authentication']
    // `string` alone would have swallowed the names.
    expectTypeOf<Extract<Authentication, 'AzureCli'>>().toEqualTypeOf<'AzureCli'>()
    type Each = Exclude<Authentication, string>[number]
    expectTypeOf<Extract<Each, 'AzureCli'>>().toEqualTypeOf<'AzureCli'>()
    expectTypeOf<'active directory msi'>().toExtend<Authentication>()
    expectTypeOf<['AzureCli', 'Azure CLI']>().toExtend<Authentication>()
    expectTypeOf<'ActiveDirectoryManagedIdentity,AzureCli'>().toExtend<Authentication>()
    expectTypeOf<number>().not.toExtend<Authentication>()
  })
})

describe('a contradiction is refused', () => {
  const credential = { getToken: async () => null }
  it.each<[SignInOptions, string]>([
    [{ credential, authentication: 'AzureCli' }, 'Pass either credential or authentication, not both.'],
    [
      { credential, clientId: CLIENT },
      'clientId has no effect on a credential that you created: pass it to that credential.',
    ],
    [{ credential, credentialOptions: {} }, 'credentialOptions has no effect on a credential that you created'],
    [{ credential: 'ActiveDirectoryServicePrincipal' }, "lacks the tenant's id"],
  ])('%j', (options, message) => {
    expect(() => read(options)).toThrow(
      expect.objectContaining({ code: 'CONFIG_INVALID', message: expect.stringContaining(message) }),
    )
  })
})

it('a credential does not reveal its secret', () => {
  const credential = made('ActiveDirectoryServicePrincipal', { tenantId: 't', clientId: CLIENT, secret: 'geheim' })
  expect(inspect(credential, { depth: 10, showHidden: true, getters: true })).not.toContain('geheim')
  expect(JSON.stringify(credential)).not.toContain('geheim')
})

describe('one credential for the life of the process', () => {
  const options = {}
  const signIn = () => new SignIn('ActiveDirectoryServicePrincipal', { tenantId: 't', clientId: CLIENT, secret: 's' })
  const first = identityCredential(signIn(), { cloud: PUBLIC_CLOUD, options })

  it('is given for the same sign-in', () => {
    expect(identityCredential(signIn(), { cloud: PUBLIC_CLOUD, options })).toBe(first)
  })

  it.each<[string, () => unknown]>([
    ['method', () => identityCredential(new SignIn('AzureCli', { tenantId: 't' }), { cloud: PUBLIC_CLOUD, options })],
    [
      'secret',
      () =>
        identityCredential(
          new SignIn('ActiveDirectoryServicePrincipal', { tenantId: 't', clientId: CLIENT, secret: 'new' }),
          { cloud: PUBLIC_CLOUD, options },
        ),
    ],
    ['cloud', () => identityCredential(signIn(), { cloud: cloudOf('x.database.chinacloudapi.cn'), options })],
    ['options', () => identityCredential(signIn(), { cloud: PUBLIC_CLOUD, options: {} })],
    ['no options', () => identityCredential(signIn(), { cloud: PUBLIC_CLOUD })],
  ])('is not given for another %s', (_, other) => expect(other()).not.toBe(first))
})
