import { Feature, type FeatureData } from '../tds/features.ts'
import type { LoginToken } from '../tds/login-response.ts'
import { encodeFeatureExtAck } from '../tds/tokens.ts'

/**
 * The server's answer to a login as the client is to see it: without the grants of features that it did not ask for,
 * FEDAUTH above all, and without FEATUREEXTACK where none is left.
 *
 * @param asked - the features that the client asked for
 */
export function answerFor(tokens: readonly LoginToken[], asked: readonly FeatureData[]): Buffer {
  const wanted = new Set(asked.map(({ id }) => id))
  const parts = tokens.map((token) => {
    if (token.kind === 'fedAuthInfo') return Buffer.alloc(0)
    if (token.kind !== 'features') return token.bytes
    const granted = token.features.filter(({ id }) => wanted.has(id))
    return granted.length === 0 ? Buffer.alloc(0) : encodeFeatureExtAck(granted)
  })
  return Buffer.concat(parts)
}

/** Whether the server took the token: it must say so (MS-TDS 3.2.5.4). */
export function acknowledgesToken(tokens: readonly LoginToken[]): boolean {
  return tokens.some((token) => token.kind === 'features' && token.features.some(({ id }) => id === Feature.FEDAUTH))
}
