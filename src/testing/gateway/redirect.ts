import { X509Certificate } from 'node:crypto'
import { isIP } from 'node:net'
import { Feature, type FeatureData } from '../../tds/features.ts'
import type { Login7 } from '../../tds/login7.ts'
import { encodeFeatureExtAck, encodeLoginAck, type Routing } from '../../tds/tokens.ts'
import type { GatewayKind } from './rules.ts'
import { encodeEnhancedRouting, encodeRouting } from './server-tokens.ts'

/** How a gateway redirects logins to other servers, as Azure does inside Azure and Fabric always does. */
export interface RedirectOptions {
  /**
   * The servers that a login visits one after the other, as `host` or `host\instance`. Each is a listener on
   * 127.0.0.1 with a certificate for its host alone. The last one accepts the login.
   *
   * @defaultValue `['127.0.0.1']`; `fabric`: `['127.0.0.1\\…']`
   */
  to?: readonly string[]
  /** `login7`: at once, before FEDAUTHINFO. `token`: once the token is verified. @defaultValue 'token' */
  at?: 'login7' | 'token'
  /** Whether LOGINACK comes before ROUTING. @defaultValue true */
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

/** The answer to a client that must log in elsewhere, without the DONE. */
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

/** One address at which a gateway accepts connections. */
export interface Listener {
  /** As PEM. */
  key: string
  certificate: string
  /** Whether LOGIN7's ServerName may be that: it is what the client dialled, or what a redirect called this server. */
  isCalled(serverName: string): boolean
  /** Whether clients come here by a redirect. */
  isWorker: boolean
  /** Where it redirects each login to; undefined if it serves them itself. */
  next: Routing | undefined
}

/** A test of ServerName for the address that users dial: names that they may have dialled, and the certificate's. */
export function dialledAs(hosts: readonly string[], certificate: string): (serverName: string) => boolean {
  const names = new Set(hosts.map(hostIn))
  const certified = new X509Certificate(certificate)
  return (serverName) => {
    const host = hostIn(serverName)
    return names.has(host) || (isIP(host) ? certified.checkIP(host) : certified.checkHost(host)) !== undefined
  }
}

/** A test of ServerName for a worker: exactly what the redirect said, an instance included. */
export function routedAs(name: string): (serverName: string) => boolean {
  return (serverName) => withoutWay(serverName) === withoutWay(name)
}

/** The part of a name that clients dial: without the instance. */
export function hostIn(serverName: string): string {
  return withoutWay(serverName).replace(/\\.*$/s, '')
}

/** A name without the parts that only say how to get there: `tcp:`, a port, a final dot. */
function withoutWay(serverName: string): string {
  return serverName.toLowerCase().replace(/^tcp:/, '').replace(/,\d+$/, '').replace(/\.$/, '')
}
