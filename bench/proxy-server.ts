/** The server of the proxy's benchmark: takes tokens over TLS, and then sends, receives or echoes packets. */
import type { Duplex } from 'node:stream'
import { startEntraServer } from '../test/proxy/entra-server.ts'
import { packetOf, receive, receiveOrder, send } from './proxy-transfer.ts'

async function serve(stream: Duplex): Promise<void> {
  const { direction, bytes } = await receiveOrder(stream)
  if (direction === 'down') await send(stream, bytes)
  else if (direction === 'up') {
    await receive(stream, bytes)
    stream.write(packetOf(Buffer.alloc(1)))
  } else stream.pipe(stream)
}

const server = await startEntraServer({ serve })
process.send?.({ port: server.port, ca: server.ca, user: '', password: '' })
process.once('disconnect', () => process.exit())
