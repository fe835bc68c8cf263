import { ClientCertificateCredential, ClientSecretCredential } from '@azure/identity'
import type { AuthenticationMethod, CredentialLike, SignInOptions } from '../src/index.ts'
import { type Authority, createCertificateAuthority, defaultPrincipals, type Principal } from '../src/testing/index.ts'
import { environmentsOf } from './sign-in.ts'

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
