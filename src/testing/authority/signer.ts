import { createLocalJWKSet, exportJWK, generateKeyPair, type JWK, type JWTPayload, jwtVerify, SignJWT } from 'jose'

/** An RSA key that signs JSON Web Tokens with RS256. The private half never leaves the process. */
export interface Signer {
  /** The public half, as `jwks_uri` serves it. */
  readonly jwks: { keys: JWK[] }
  sign(claims: JWTPayload): Promise<string>
  /**
   * The claims of a token that this key signed.
   *
   * @param now - ms since the epoch
   * @throws the errors of `jose` where the signature or the times are wrong
   */
  verify(token: string, now: number): Promise<JWTPayload>
}

export async function createSigner(keyId: string): Promise<Signer> {
  const { privateKey, publicKey } = await generateKeyPair('RS256')
  const jwks = { keys: [{ ...(await exportJWK(publicKey)), alg: 'RS256', kid: keyId, use: 'sig' }] }
  const keys = createLocalJWKSet(jwks)
  return {
    jwks,
    sign: (claims) =>
      new SignJWT(claims).setProtectedHeader({ alg: 'RS256', kid: keyId, typ: 'JWT', x5t: keyId }).sign(privateKey),
    async verify(token, now) {
      const { payload } = await jwtVerify(token, keys, { algorithms: ['RS256'], currentDate: new Date(now) })
      return payload
    },
  }
}
