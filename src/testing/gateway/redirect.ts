import { Feature, type FeatureData } from '../../tds/features.ts'
import type { Login7 } from '../../tds/login7.ts'
import {
  encodeEnhancedRouting,
  encodeFeatureExtAck,
  encodeLoginAck,
  encodeRouting,
  type Routing,
} from '../../tds/tokens.ts'
import type { GatewayKind } from './rules.ts'

/** How a gateway leads logins to other servers, as Azure does inside Azure and Fabric always does. */
export interface RedirectOptions {
  /**
   * The servers that a login visits one after the other, as `host` or `host\instance`. Each is a listener of its own on
   * 127.0.0.1 with a certificate for its host alone. The last takes the login.
   *
   * @defaultValue `['127.0.0.1']`; `fabric`: `['127.0.0.1\\…']`
   */
  to?: readonly string[]
  /** `login7`: at once, before FEDAUTHINFO. `token`: when the token was found good. @defaultValue 'token' */
  at?: 'login7' | 'token'
  /** Whether LOGINACK stands before ROUTING. @defaultValue true */
  loginAck?: boolean
  /** Names the database too (ENVCHANGE 21) to clients that understand it (feature 0x0F). @defaultValue false */
  enhanced?: boolean
}

/** Fabric names its workers by GUIDs. */
const FABRIC_INSTANCE = '7e4a0000-0000-4000-8000-0000000fab1c-1'

/** The workers that a gateway of this kind sends logins to, in their order. */
export function workersOf(kind: GatewayKind, redirect: RedirectOptions | undefined): readonly string[] {
  if (redirect?.to !== undefined) return redirect.to
  if (kind === 'fabric') return [`127.0.0.1\\${FABRIC_INSTANCE}`]
  return redirect === undefined ? [] : ['127.0.0.1']
}

/** What a client hears that is to log in elsewhere, without the DONE. */
export function redirectTokens(login: Login7, to: Routing, options: RedirectOptions, ack: FeatureData): Buffer {
  const { loginAck = true, enhanced = false } = options
  const understands = login.features.some(({ id }) => id === Feature.ENHANCED_ROUTING)
  const routing =
    enhanced && understands ? encodeEnhancedRouting({ ...to, database: login.database }) : encodeRouting(to)
  if (!loginAck) return routing
  const acks = [ack, ...(enhanced && understands ? [ENHANCED_ROUTING_ACK] : [])]
  return Buffer.concat([encodeLoginAck('Microsoft SQL Server', [16, 0, 0, 0]), routing, encodeFeatureExtAck(acks)])
}

const ENHANCED_ROUTING_ACK = { id: Feature.ENHANCED_ROUTING, data: Buffer.from([1]) }
