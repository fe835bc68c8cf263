import type { TokenCredential } from '@azure/identity'

let credential: Promise<TokenCredential> | undefined

/**
 * `DefaultAzureCredential` of `@azure/identity`: one for the life of the process, since its caches are its own. The
 * package, which takes some 200 ms to load, is imported when the first token is asked for.
 */
export const defaultCredential: TokenCredential = {
  async getToken(scopes, options) {
    credential ??= import('@azure/identity').then(({ DefaultAzureCredential }) => new DefaultAzureCredential())
    return (await credential).getToken(scopes, options)
  },
}
