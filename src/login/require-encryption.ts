import type { Socket } from 'node:net'
import { EntraError } from '../errors/entra-error.ts'
import { PacketReader, PacketType } from '../tds/packet.ts'
import { Encryption, parsePrelogin } from '../tds/prelogin.ts'
import { TdsProtocolError } from '../tds/protocol-error.ts'

/**
 * Ends a client's connection where the server answers PRELOGIN by going on without encryption: whoever stands between
 * can write that answer, and a client that goes along (as tedious does, whatever `encrypt` says) sends its token in the
 * clear. To be called before anything is sent.
 */
export function requireEncryption(socket: Socket): void {
  const packets = new PacketReader()
  const onData = (chunk: Buffer) => {
    try {
      if (chunk[0] !== PacketType.TABULAR_RESULT && packets.rest.length === 0) throw new TdsProtocolError('No TDS.')
      const [first] = packets.push(chunk)
      if (first === undefined) return
      socket.off('data', onData)
      const { encryption } = parsePrelogin(first.payload)
      if (encryption !== Encryption.ON && encryption !== Encryption.REQUIRED) socket.destroy(encryptionRefused())
    } catch (cause) {
      socket.destroy(noSqlServer(cause))
    }
  }
  socket.on('data', onData)
}

/** The server, or whoever stands between, answered that it does not encrypt. */
export function encryptionRefused(): EntraError {
  return new EntraError(
    'TLS_FAILED',
    'The server offers no encryption, or somebody in between says so; the token was not sent. ' +
      'Give the server a certificate; on loopback alone, encrypt: false goes without.',
  )
}

/** What answered to PRELOGIN does not speak TDS. */
export function noSqlServer(cause: unknown): EntraError {
  return new EntraError('CONNECT_FAILED', 'What answers at that port is no SQL Server. Check host and port.', { cause })
}
