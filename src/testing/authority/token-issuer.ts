import { createLocalJWKSet, exportJWK, generateKeyPair, type JWK, type JWTPayload, jwtVerify, SignJWT } from 'jose'
import type { Clock } from '../../time/clock.ts'
import { claimsFor, epochSeconds, type Principal } from './principals.ts'

/** An RSA key that signs JSON Web Tokens with RS256. The private half never leaves the process. */
export interface Signer {
  /** The public half, as `jwks_uri` serves it. */
  readonly jwks: { keys: JWK[] }
  sign(claims: JWTPayload): Promise<string>
  /**
   * The claims of a token that this key signed.
   *
   * @param now - ms since the epoch
   * @throws the errors of `jose` if the signature or the times are wrong
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

/** A token as a `TokenCredential` gives it: `@azure/identity`'s `AccessToken`. */
export interface IssuedToken {
  token: string
  /** When it expires (the `exp` claim), in ms since the epoch. */
  expiresOnTimestamp: number
  tokenType: 'Bearer'
}

/** The token to issue. */
export interface TokenRequest {
  principal: Principal
  audience: string
  /** In ms. @defaultValue the issuer's `lifetime` */
  lifetime?: number | undefined
  /** In ms since the epoch. @defaultValue now */
  notBefore?: number | undefined
  /** Laid over the claims that the principal has; `undefined` takes one away. */
  claims?: JWTPayload | undefined
  /** Gives the last token for that principal and audience again while it is valid. */
  reuse?: boolean | undefined
}

/** Makes the tokens, and remembers them. */
export class TokenIssuer {
  /** How long the tokens live, in ms. */
  lifetime: number
  readonly #signer: Signer
  readonly #clock: Clock
  readonly #issued: string[] = []
  readonly #last = new Map<string, IssuedToken>()

  constructor(signer: Signer, clock: Clock, lifetime: number) {
    this.#signer = signer
    this.#clock = clock
    this.lifetime = lifetime
  }

  /** Each token ever signed, oldest first. */
  get issued(): readonly string[] {
    return this.#issued
  }

  async issue({
    principal,
    audience,
    lifetime = this.lifetime,
    notBefore,
    claims,
    reuse,
  }: TokenRequest): Promise<IssuedToken> {
    const now = this.#clock.now()
    const kept = `${principal.objectId} ${audience}`
    const last = this.#last.get(kept)
    if (reuse === true && last !== undefined && last.expiresOnTimestamp > now) return last

    const times = { issuedAt: now, notBefore: notBefore ?? now, expiresOn: now + lifetime }
    const payload = { ...claimsFor(principal, audience, times), ...claims }
    const token = await this.#signer.sign(payload)
    const issued: IssuedToken = {
      token,
      expiresOnTimestamp: (payload.exp ?? epochSeconds(times.expiresOn)) * 1000,
      tokenType: 'Bearer',
    }
    this.#issued.push(token)
    this.#last.set(kept, issued)
    return issued
  }
}
