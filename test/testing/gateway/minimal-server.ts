import { once } from 'node:events'
import { type AddressInfo, createServer, type Socket } from 'node:net'
import { MAX_LOGIN7_LENGTH, parseLogin7 } from '../../../src/tds/login7.ts'
import { readMessage, writeMessage } from '../../../src/tds/messages.ts'
import { encodeMessage, PacketReader, PacketStatus, PacketType } from '../../../src/tds/packet.ts'
import { Encryption, encodePrelogin } from '../../../src/tds/prelogin.ts'
import { DoneStatus, EnvChange, encodeDone, encodeError, encodeLoginAck } from '../../../src/tds/tokens.ts'
import { encodeTextChange } from '../../../src/testing/gateway/server-tokens.ts'

/** What a client asked for at login. */
export interface SeenLogin {
  user: string
  password: string
  database: string
  applicationName: string
  features: number[]
}

/**
 * A server that takes SQL logins without TLS and answers every request with an empty DONE.
 *
 * @param last - what it answers to a first request instead, before it hangs up
 */
export async function startMinimalServer(password: string, last?: Buffer) {
  const logins: SeenLogin[] = []
  const requests: { type: number; length: number }[] = []
  const sockets = new Set<Socket>()
  const server = createServer((socket) => {
    sockets.add(socket)
    socket.on('error', () => {})
    socket.once('close', () => sockets.delete(socket))
    serve(socket).catch(() => socket.destroy())
  })

  async function serve(socket: Socket) {
    await readMessage(socket, 4096)
    const version = { major: 16, minor: 0, build: 0 }
    writeMessage(socket, PacketType.TABULAR_RESULT, encodePrelogin({ version, encryption: Encryption.NOT_SUPPORTED }))
    const login = parseLogin7((await readMessage(socket, MAX_LOGIN7_LENGTH)).payload)
    logins.push({
      user: login.userName,
      password: login.password,
      database: login.database,
      applicationName: login.applicationName,
      features: login.features.map(({ id }) => id),
    })
    if (login.password !== password) {
      const message = `Login failed for user '${login.userName}'.`
      const error = encodeError({ number: 18456, state: 8, class: 14, message })
      const refusal = Buffer.concat([error, encodeDone(DoneStatus.ERROR)])
      socket.end(encodeMessage(PacketType.TABULAR_RESULT, refusal))
      return
    }
    const answer = [
      encodeTextChange(EnvChange.DATABASE, login.database || 'master', 'master'),
      encodeTextChange(EnvChange.PACKET_SIZE, String(login.packetSize), String(login.packetSize)),
      encodeLoginAck('minimal', [16, 0, 0, 0]),
      encodeDone(DoneStatus.FINAL),
    ]
    writeMessage(socket, PacketType.TABULAR_RESULT, Buffer.concat(answer))
    const packets = new PacketReader()
    let length = 0
    for await (const chunk of socket) {
      for (const packet of packets.push(chunk as Buffer)) {
        length += packet.payload.length
        if ((packet.status & PacketStatus.END_OF_MESSAGE) === 0) continue
        requests.push({ type: packet.type, length })
        length = 0
        if (last !== undefined) {
          socket.end(encodeMessage(PacketType.TABULAR_RESULT, last))
          return
        }
        const status = packet.type === PacketType.ATTENTION ? DoneStatus.ATTENTION : DoneStatus.FINAL
        socket.write(encodeMessage(PacketType.TABULAR_RESULT, encodeDone(status)))
      }
    }
  }

  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  return {
    port: (server.address() as AddressInfo).port,
    logins,
    requests,
    get connections() {
      return sockets.size
    },
    async close() {
      const closed = once(server, 'close')
      server.close()
      for (const socket of sockets) socket.destroy()
      await closed
    },
  }
}
