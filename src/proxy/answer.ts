import { passedFeatures } from '../login/passed-features.ts'
import { Feature, type FeatureData } from '../tds/features.ts'
import type { LoginToken } from '../tds/login-response.ts'
import { DoneStatus, encodeDone, encodeFeatureExtAck } from '../tds/tokens.ts'

/**
 * The server's answer to a login as the client is to see it, which asked for no token login: without the grants of
 * features that were not asked for in its name, FEDAUTH above all, and without FEATUREEXTACK where none is left; without
 * what would lead it past the proxy; without procedures that the server ran for itself; and with one DONE, at its end.
 * What stands behind a token that is not known cannot be vouched for, and is left out.
 *
 * @param asked - the features that the client asked for
 */
export function answerFor(tokens: readonly LoginToken[], asked: readonly FeatureData[]): Buffer {
  const wanted = new Set(passedFeatures(asked).map(({ id }) => id))
  const done = tokens.findLast((token) => token.kind === 'done' && token.final)
  const parts = tokens.map((token) => {
    switch (token.kind) {
      case 'features': {
        const granted = token.features.filter(({ id }) => wanted.has(id))
        return granted.length === 0 ? NOTHING : encodeFeatureExtAck(granted)
      }
      case 'sessionState':
        return wanted.has(Feature.SESSION_RECOVERY) ? token.bytes : NOTHING
      case 'done':
      case 'elsewhere':
      case 'fedAuthInfo':
      case 'procedure':
      case 'unknown':
        return NOTHING
      default:
        return token.bytes
    }
  })
  return Buffer.concat([...parts, done?.bytes ?? encodeDone(DoneStatus.FINAL)])
}

const NOTHING = Buffer.alloc(0)
