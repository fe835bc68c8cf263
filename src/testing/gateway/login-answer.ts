import { Feature } from '../../tds/features.ts'
import type { LoginToken } from '../../tds/login-response.ts'
import type { Login7 } from '../../tds/login7.ts'
import {
  DoneStatus,
  encodeDone,
  encodeFeatureExtAck,
  encodeInfo,
  encodeSessionState,
  TokenType,
} from '../../tds/tokens.ts'
import type { GatewayKind } from './rules.ts'

/** What a login's answer holds besides what it must. */
export interface LoginAnswerOptions {
  /** INFO tokens of 1000 characters each: some of them make the answer longer than a packet. @defaultValue 0 */
  infos?: number
  /** SESSIONSTATE, for clients that asked for session recovery (feature 0x01). @defaultValue false */
  sessionState?: boolean
}

export const FEDAUTH_ACK = { id: Feature.FEDAUTH, data: Buffer.alloc(0) }

/** Serverless Synapse runs procedures while it takes a login. */
const SYNAPSE_PROCEDURES = 3

/** What a client hears whose login was taken: the server's own answer, with what only this end can say. */
export function acceptance(
  answer: readonly LoginToken[],
  login: Login7,
  kind: GatewayKind,
  { infos = 0, sessionState = false }: LoginAnswerOptions,
): Buffer {
  const given = answer.flatMap((token) => (token.kind === 'features' ? token.features : []))
  const first = [
    ...Array.from({ length: kind === 'synapse' ? SYNAPSE_PROCEDURES : 0 }, procedureDone),
    ...Array.from({ length: infos }, (_, i) => longInfo(i)),
  ]
  const recovers = login.features.some(({ id }) => id === Feature.SESSION_RECOVERY)
  const last = [
    ...(sessionState && recovers ? [encodeSessionState(1, [{ id: 0, value: Buffer.from('local', 'utf16le') }])] : []),
    encodeFeatureExtAck([FEDAUTH_ACK, ...given]),
  ]
  const tokens = answer.flatMap((token, i) => {
    if (token.kind === 'features') return []
    if (token.kind === 'loginAck') return [...first, token.bytes]
    return i === answer.length - 1 ? [...last, token.bytes] : [token.bytes]
  })
  return Buffer.concat(tokens)
}

function procedureDone(): Buffer {
  return encodeDone(DoneStatus.MORE | DoneStatus.COUNT, 1n, 0, TokenType.DONEINPROC)
}

function longInfo(index: number): Buffer {
  const message = `Message ${index + 1} of the local gateway. `.padEnd(1000, '.')
  return encodeInfo({ number: 0, state: 1, class: 0, message, serverName: 'local-gateway' })
}
