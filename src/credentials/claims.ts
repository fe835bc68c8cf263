/** A token's claims, unverified: for messages and times, never for trust. */
export type Claims = Readonly<Record<string, unknown>>

/** The claims of a JSON Web Token (RFC 7519, 7.2); undefined for any other token. */
export function claimsOf(token: string): Claims | undefined {
  const [, payload, signature] = token.split('.')
  if (payload === undefined || signature === undefined) return undefined
  try {
    const claims: unknown = JSON.parse(Buffer.from(payload, 'base64url').toString('utf8'))
    return typeof claims === 'object' && claims !== null ? (claims as Claims) : undefined
  } catch {
    return undefined
  }
}

/** A claim that is a NumericDate (RFC 7519, 2), in ms since the epoch. */
export function dateOf(claims: Claims, name: 'exp' | 'iat' | 'nbf'): number | undefined {
  const value = claims[name]
  return typeof value === 'number' && Number.isFinite(value) ? value * 1000 : undefined
}
