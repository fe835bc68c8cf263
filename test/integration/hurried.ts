import type { TokenCredential } from '@azure/identity'

/** The next token is due at once: the adapter requests it after a quarter of its usual time. */
export const hurried = (credential: TokenCredential): TokenCredential => ({
  async getToken(...asked) {
    const token = await credential.getToken(...asked)
    return token && { ...token, refreshAfterTimestamp: Date.now() }
  },
})

/** Rotates as soon as the token is there. */
export const HURRY = { refreshSpread: 0, spread: 0 }
