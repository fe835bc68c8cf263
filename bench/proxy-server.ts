/** The server of the proxy's benchmark: takes tokens over TLS, and then sends, receives or echoes bytes. */
import type { Duplex } from 'node:stream'
import { startEntraServer } from '../test/proxy/entra-server.ts'
import { type Order, receive, send } from './proxy-transfer.ts'

async function serve(stream: Duplex): Promise<void> {
  const first = await new Promise<Buffer>((resolve) => {
    stream.once('data', (chunk: Buffer) => {
      stream.pause()
      resolve(chunk)
    })
  })
  const { direction, bytes }: Order = JSON.parse(first.subarray(0, 64).toString())
  if (first.length > 64) stream.unshift(first.subarray(64))
  if (direction === 'down') await send(stream, bytes)
  else if (direction === 'up') {
    await receive(stream, bytes)
    stream.write('.')
  } else stream.pipe(stream)
}

const server = await startEntraServer({ serve })
process.send?.({ port: server.port, ca: server.ca, user: '', password: '' })
process.once('disconnect', () => process.exit())
