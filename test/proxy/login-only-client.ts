import { once } from 'node:events'
import { connect } from 'node:net'
import type { Duplex } from 'node:stream'
import { connect as connectTls } from 'node:tls'
import { encodeLogin7, type Login7 } from '../../src/tds/login7.ts'
import { readMessage, writeMessage } from '../../src/tds/messages.ts'
import { PacketType } from '../../src/tds/packet.ts'
import { Encryption, encodePrelogin, parsePrelogin } from '../../src/tds/prelogin.ts'
import { HandshakeTransport } from '../../src/tds/tls.ts'

/**
 * A client that says ENCRYPT_OFF and so has its login alone encrypted, as FreeTDS, ODBC and SqlClient do.
 *
 * @param behind - sent in the clear right behind the login, without waiting for the answer
 * @returns the connection after LOGIN7 was sent, in the clear again, and what the server said of encryption
 */
export async function logInEncrypted(
  port: number,
  ca: string,
  login: Login7,
  behind: Buffer = Buffer.alloc(0),
): Promise<{ stream: Duplex; encryption: number }> {
  const socket = connect({ port, host: '127.0.0.1', noDelay: true })
  socket.on('error', () => {})
  await once(socket, 'connect')
  const version = { major: 11, minor: 0, build: 0 }
  writeMessage(socket, PacketType.PRELOGIN, encodePrelogin({ version, encryption: Encryption.OFF }))
  const { encryption } = parsePrelogin((await readMessage(socket, 4096)).payload)
  const transport = new HandshakeTransport(socket, { releasable: true })
  const tls = connectTls({ socket: transport, ca, servername: 'localhost', maxVersion: 'TLSv1.2' })
  tls.on('error', () => {})
  await once(tls, 'secureConnect')
  transport.stopWrapping()
  await new Promise<void>((resolve) => {
    writeMessage(tls, PacketType.LOGIN7, encodeLogin7(login))
    tls.write(Buffer.alloc(0), () => resolve())
  })
  const stream = transport.release()
  tls.destroy()
  if (behind.length > 0) stream.write(behind)
  return { stream, encryption }
}
