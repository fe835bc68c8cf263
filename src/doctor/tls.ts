import type { Socket } from 'node:net'
import { type PeerCertificate, TLSSocket } from 'node:tls'
import { EntraError } from '../errors/entra-error.ts'
import { connectToServer, greetServer, type ServerConnection } from '../login/client-login.ts'
import { withinConnectTimeout } from '../login/connect.ts'
import type { Target } from '../login/target.ts'
import type { Clock } from '../time/clock.ts'
import type { Details, Finding } from './steps.ts'

/** Does PRELOGIN and TLS on a connection. If the certificate is rejected, its details are shown all the same. */
export async function checkTls(
  target: Target,
  socket: Socket,
  clock: Clock,
  signal: AbortSignal,
): Promise<Finding<ServerConnection>> {
  let failedAt: 'PRELOGIN' | 'TLS' = 'PRELOGIN'
  try {
    const connection = await withinConnectTimeout(target, { reached: true }, { clock, signal }, (within) => {
      within.addEventListener('abort', () => socket.destroy(within.reason), { once: true })
      return greetServer(socket, target, true, (step) => {
        failedAt = step
      })
    })
    return { value: connection, ...describe(connection, target, clock.now()) }
  } catch (error) {
    socket.destroy()
    const isTls = error instanceof EntraError && error.code === 'TLS_FAILED'
    const certificate = isTls ? await rejectedCertificate(target, clock, signal) : {}
    return { error: error as Error, summary: '', details: { failedAt, ...certificate } }
  }
}

function describe({ stream, prelogin }: ServerConnection, target: Target, now: number): Finding<never> {
  const { major, minor, build } = prelogin.version
  const serverVersion = `${major}.${minor}.${build}`
  if (!(stream instanceof TLSSocket)) {
    return {
      summary: `not encrypted; server ${serverVersion}`,
      details: { serverVersion, encrypted: false },
      warnings: ['encrypt is false: nothing is encrypted, not even the token. Use this on loopback only.'],
    }
  }
  const certificate = stream.getPeerCertificate()
  const verified = stream.authorized
  const protocol = stream.getProtocol() ?? undefined
  const until = certificate.valid_to && new Date(certificate.valid_to).toISOString().slice(0, 10)
  const shown = until ? ` ${commonName(certificate.subject)} by ${commonName(certificate.issuer)} until ${until}` : ''
  return {
    summary: `${protocol}, certificate${shown}, ${verified ? 'verified' : 'not verified'}; server ${serverVersion}`,
    details: { serverVersion, encrypted: true, protocol, verified, ...certificateDetails(certificate) },
    warnings: [
      ...expiryWarning(Date.parse(certificate.valid_to), now),
      ...(target.trustServerCertificate ? [verified ? TRUST_NOT_NEEDED : TRUST] : []),
    ],
  }
}

const TRUST_NOT_NEEDED = 'trustServerCertificate is set but not needed: the certificate can be verified. Leave it out.'
const TRUST =
  'trustServerCertificate accepts any certificate, so any server that answers gets the token. ' +
  "Name the file of the certificate's authority instead (trustServerCertificateCA=…)."

/** Details of a certificate that was rejected: a second connection looks at it, and sends nothing. */
async function rejectedCertificate(target: Target, clock: Clock, signal: AbortSignal): Promise<Details> {
  try {
    const { socket, stream } = await withinConnectTimeout(target, { reached: true }, { clock, signal }, (within) =>
      connectToServer({ ...target, trustServerCertificate: true }, { signal: within }),
    )
    socket.destroy()
    return stream instanceof TLSSocket ? { verified: false, ...certificateDetails(stream.getPeerCertificate()) } : {}
  } catch {
    return {}
  }
}

function certificateDetails({ subject, issuer, subjectaltname = '', valid_to }: PeerCertificate): Details {
  if (subject === undefined) return {}
  return {
    subject: distinguishedName(subject),
    issuer: distinguishedName(issuer),
    names: subjectaltname.split(', ').flatMap((name) => name.replace(/^[^:]*:/, '') || []),
    validTo: new Date(valid_to).toISOString(),
  }
}

function distinguishedName(name: object): string {
  const parts = Object.entries(name).map(([type, value]) => `${type}=${[value].flat().join('+')}`)
  return parts.join(', ').replace(/\p{Cc}/gu, ' ')
}

/** The whole name if it has no common name. */
function commonName(name: object): string {
  const { CN } = name as { CN?: unknown }
  return distinguishedName(CN === undefined ? name : { CN })
}

const DAY = 86_400_000

/** Authorities renew a month ahead or sooner. If you renew by hand, this is enough time to do it. */
const SOON = 14 * DAY

/** A warning if a certificate expires soon; else none. Times in ms since the epoch. */
export function expiryWarning(validTo: number, now: number): string[] {
  const left = validTo - now
  if (!(left >= 0 && left < SOON)) return []
  return [`The server's certificate expires in ${Math.floor(left / DAY)} days. Renew it, or logins will fail.`]
}
