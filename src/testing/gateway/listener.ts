import { X509Certificate } from 'node:crypto'
import { isIP } from 'node:net'
import type { Routing } from '../../tds/tokens.ts'

/** One address that a gateway takes connections at. */
export interface Listener {
  /** As PEM. */
  key: string
  certificate: string
  /** Whether LOGIN7's ServerName may be that: it is what the client dialled, or what a redirect called this server. */
  isCalled(serverName: string): boolean
  /** Whether clients come here by a redirect. */
  isWorker: boolean
  /** Where it sends each login on to; none where it serves them itself. */
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

/** What of a name clients dial: no instance. */
export function hostIn(serverName: string): string {
  return withoutWay(serverName).replace(/\\.*$/s, '')
}

/** A name without what tells only how to get there: `tcp:`, a port, a final dot. */
function withoutWay(serverName: string): string {
  return serverName.toLowerCase().replace(/^tcp:/, '').replace(/,\d+$/, '').replace(/\.$/, '')
}
