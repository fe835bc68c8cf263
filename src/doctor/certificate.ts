import type { PeerCertificate } from 'node:tls'

/** What a certificate says of itself. */
export interface CertificateFacts {
  subject: string
  issuer: string
  /** Subject and issuer by their common names alone. */
  short: string
  /** The names that it is good for. */
  names: string[]
  /** In ms since the epoch. */
  validTo: number
}

/** What is shown of a certificate; undefined where there is none. */
export function certificateFacts(peer: PeerCertificate): CertificateFacts | undefined {
  if (peer.subject === undefined) return undefined
  return {
    subject: distinguishedName(peer.subject),
    issuer: distinguishedName(peer.issuer),
    short: `${commonName(peer.subject)} by ${commonName(peer.issuer)}`,
    names: (peer.subjectaltname ?? '').split(', ').flatMap((name) => name.replace(/^[^:]*:/, '') || []),
    validTo: Date.parse(peer.valid_to),
  }
}

function distinguishedName(name: object): string {
  const parts = Object.entries(name).map(([type, value]) => `${type}=${[value].flat().join('+')}`)
  return parts.join(', ').replace(/\p{Cc}/gu, ' ')
}

/** The whole name where there is no common one. */
function commonName(name: object): string {
  const { CN } = name as { CN?: unknown }
  return CN === undefined ? distinguishedName(name) : distinguishedName({ CN })
}

const DAY = 86_400_000

/** Authorities renew a month ahead or sooner; who renews by hand has this long left to hear of it. */
const SOON = 14 * DAY

/** A warning of a certificate that ends soon; undefined where there is time. */
export function endsSoon({ validTo }: CertificateFacts, now: number): string | undefined {
  const left = validTo - now
  if (!(left >= 0 && left < SOON)) return undefined
  return `The server's certificate ends in ${Math.floor(left / DAY)} days: have it renewed, or logins will fail.`
}
