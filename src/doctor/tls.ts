import type { Socket } from 'node:net'
import { TLSSocket } from 'node:tls'
import { EntraError } from '../errors/entra-error.ts'
import { connectToServer, greetServer, type ServerConnection } from '../login/client-login.ts'
import { withinConnectTimeout } from '../login/connect.ts'
import type { Target } from '../login/target.ts'
import type { Prelogin } from '../tds/prelogin.ts'
import { type CertificateFacts, certificateFacts, endsSoon } from './certificate.ts'
import type { Limits } from './limits.ts'
import type { Details, Outcome } from './step.ts'

/** Does PRELOGIN and TLS on a connection. Where the certificate is not accepted, it is shown nevertheless. */
export async function shakeHands(socket: Socket, target: Target, limits: Limits): Promise<Outcome<ServerConnection>> {
  const { clock } = limits
  try {
    const connection = await withinConnectTimeout(target, { reached: true }, limits, (signal) => {
      signal.addEventListener('abort', () => socket.destroy(signal.reason), { once: true })
      return greetServer(socket, target, true)
    })
    return { value: connection, ...describe(connection, target, clock.now()) }
  } catch (error) {
    socket.destroy()
    if (!(error instanceof EntraError) || error.code !== 'TLS_FAILED') throw error
    return { error, summary: '', details: await unverified(target, limits) }
  }
}

function describe({ stream, prelogin }: ServerConnection, target: Target, now: number): Omit<Outcome<never>, 'value'> {
  const server = versionOf(prelogin)
  if (!(stream instanceof TLSSocket)) {
    return {
      summary: `not encrypted; server ${server}`,
      details: { serverVersion: server, encrypted: false },
      warnings: ['encrypt is false: nothing is encrypted, the token neither. It is for loopback alone.'],
    }
  }
  const certificate = certificateFacts(stream.getPeerCertificate())
  const verified = stream.authorized
  const protocol = stream.getProtocol() ?? undefined
  const shown = certificate === undefined ? '' : ` ${certificate.short} until ${dayOf(certificate.validTo)}`
  return {
    summary: `${protocol}, certificate${shown}, ${verified ? 'verified' : 'not verified'}; server ${server}`,
    details: { serverVersion: server, encrypted: true, protocol, verified, ...detailsOf(certificate) },
    warnings: [certificate && endsSoon(certificate, now), trustWarning(target, verified)].filter(isText),
  }
}

function trustWarning({ trustServerCertificate }: Target, verified: boolean): string | undefined {
  if (!trustServerCertificate) return undefined
  return verified
    ? 'trustServerCertificate is set, and not needed: the certificate can be verified. Leave it out.'
    : 'trustServerCertificate takes any certificate, and with it any server that answers: it would get the token. ' +
        'Name the authority of the certificate instead (NODE_EXTRA_CA_CERTS).'
}

/** The certificate of a server that is not trusted: it is looked at, and nothing is sent. */
async function unverified(target: Target, limits: Limits): Promise<Details> {
  try {
    const { socket, stream } = await withinConnectTimeout(target, { reached: true }, limits, (signal) =>
      connectToServer({ ...target, trustServerCertificate: true }, { signal }),
    )
    socket.destroy()
    if (!(stream instanceof TLSSocket)) return {}
    return { verified: false, ...detailsOf(certificateFacts(stream.getPeerCertificate())) }
  } catch {
    return {}
  }
}

function detailsOf(certificate: CertificateFacts | undefined): Details {
  if (certificate === undefined) return {}
  const { subject, issuer, names, validTo } = certificate
  return { subject, issuer, names, validTo: new Date(validTo).toISOString() }
}

function versionOf({ version: { major, minor, build } }: Prelogin): string {
  return `${major}.${minor}.${build}`
}

function dayOf(time: number): string {
  return new Date(time).toISOString().slice(0, 10)
}

function isText(text: string | undefined): text is string {
  return text !== undefined
}
