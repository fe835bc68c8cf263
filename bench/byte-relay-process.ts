/**
 * An earlier proxy, for comparison: the same login, then bytes both ways as they arrive, without packet framing. Azure
 * SQL closes such a connection. It shows what framing costs.
 */
import { once } from 'node:events'
import { type AddressInfo, createServer, type Socket } from 'node:net'
import { logInWithToken } from '../src/login/token-login.ts'
import { acceptedLogin } from '../src/proxy/answers.ts'
import { preloginFor } from '../src/proxy/proxy-connection.ts'
import { encodeMessage, PacketType } from '../src/tds/packet.ts'
import { greetClient, readLogin7 } from '../src/tds/server-login.ts'
import { systemClock } from '../src/time/clock.ts'
import { targetFor } from './proxy-transfer.ts'

const target = targetFor(JSON.parse(process.argv[2] ?? ''))

async function serve(socket: Socket): Promise<void> {
  const answer = ({ encryption }: { encryption: number }) => preloginFor(encryption)
  const client = await greetClient(socket, { key: '', certificate: '', answer })
  const login = await readLogin7(client.login)
  if (login === undefined) throw new Error('No LOGIN7 came.')
  const signal = new AbortController().signal
  const { stream, tokens } = await logInWithToken(target, login, 'token', { audience: '', clock: systemClock, signal })
  socket.write(encodeMessage(PacketType.TABULAR_RESULT, acceptedLogin(tokens, login)))
  socket.pipe(stream)
  stream.pipe(socket)
}

const server = createServer({ noDelay: true }, (socket) => {
  socket.on('error', () => {})
  serve(socket).catch(() => socket.destroy())
})
server.listen(0, '127.0.0.1')
await once(server, 'listening')
process.once('disconnect', () => process.exit())
process.send?.({ port: (server.address() as AddressInfo).port, ca: '', user: 'u', password: 'p' })
