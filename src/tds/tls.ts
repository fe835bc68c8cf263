import type { Duplex } from 'node:stream'
import { type ConnectionOptions, connect, TLSSocket, type TLSSocketOptions } from 'node:tls'
import { HandshakeTransport } from './handshake-transport.ts'
import { TdsProtocolError } from './protocol-error.ts'

/** What TDS 8.0 calls itself in TLS (MS-TDS 3.2.5.2, ALPN). */
export const TDS8_ALPN = 'tds/8.0'

/** The first byte of a TLS handshake record: a TDS 8 client begins with it, a TDS 7 client with a PRELOGIN packet. */
export const TLS_HANDSHAKE_RECORD = 0x16

/** TLS 1.3 would send session tickets after the handshake, which no TDS 7 client expects in packets or out of them. */
const TDS7_TLS = { minVersion: 'TLSv1.2', maxVersion: 'TLSv1.2' } as const

/**
 * Does the server's half of the handshake in PRELOGIN packets (TDS 7.x), and tells how many messages the client made of
 * its own. Rejects with TLS's own error.
 */
export async function acceptTlsInTds(
  below: Duplex,
  options: TLSSocketOptions,
): Promise<{ stream: TLSSocket; messages: number }> {
  const transport = new HandshakeTransport(below)
  const stream = await secured(new TLSSocket(transport, { ...options, ...TDS7_TLS, isServer: true }), 'secure')
  return { stream, messages: transport.messages }
}

/**
 * The same where only the login is encrypted (ENCRYPT_OFF at both ends). `release` ends TLS once LOGIN7 was read, and
 * gives the bare connection.
 */
export async function acceptTlsForLogin(
  below: Duplex,
  options: TLSSocketOptions,
): Promise<{ stream: TLSSocket; release(): Duplex }> {
  const transport = new HandshakeTransport(below, { releasable: true })
  const stream = await secured(new TLSSocket(transport, { ...options, ...TDS7_TLS, isServer: true }), 'secure')
  return {
    stream,
    release() {
      const bare = transport.release()
      stream.on('error', () => {})
      stream.destroy()
      return bare
    },
  }
}

/** Does the server's half of the handshake before any TDS (TDS 8.0). Rejects with TLS's own error. */
export function acceptTls(below: Duplex, options: TLSSocketOptions): Promise<TLSSocket> {
  return secured(new TLSSocket(below, { ...options, isServer: true, ALPNProtocols: [TDS8_ALPN] }), 'secure')
}

/** Does the client's half of the handshake in PRELOGIN packets (TDS 7.x). Rejects with TLS's own error. */
export async function connectTlsInTds(below: Duplex, options: ConnectionOptions): Promise<TLSSocket> {
  const transport = new HandshakeTransport(below)
  const socket = await secured(connect({ ...options, ...TDS7_TLS, socket: transport }), 'secureConnect')
  transport.stopWrapping()
  return socket
}

/** Does the client's half of the handshake before any TDS (TDS 8.0). Rejects with TLS's own error. */
export function connectTls(below: Duplex, options: ConnectionOptions): Promise<TLSSocket> {
  return secured(connect({ ...options, ALPNProtocols: [TDS8_ALPN], socket: below }), 'secureConnect')
}

function secured(socket: TLSSocket, event: 'secure' | 'secureConnect'): Promise<TLSSocket> {
  return new Promise((resolve, reject) => {
    const onClose = () => {
      reject(new TdsProtocolError('The connection was closed amid the TLS handshake.'))
      // An end in order closes nothing by itself where TLS runs on anything but a socket.
      socket.destroy()
    }
    // This listener stays: whoever reads finds a later error on the stream, but with no listener it ends the process.
    socket.on('error', reject)
    socket.once('end', onClose).once('close', onClose)
    socket.once(event, () => {
      socket.off('end', onClose).off('close', onClose)
      resolve(socket)
    })
  })
}
