import { once } from 'node:events'
import { type AddressInfo, connect, createServer, type Socket } from 'node:net'
import { setImmediate as tick } from 'node:timers/promises'

/** A TCP relay that cuts what it passes, in both directions, into pieces of these sizes, over and over. */
export async function startChopper(port: number, sizes: readonly number[]) {
  const sockets = new Set<Socket>()
  const server = createServer({ noDelay: true }, (near) => {
    const far = connect({ port, host: '127.0.0.1', noDelay: true })
    for (const socket of [near, far]) {
      sockets.add(socket)
      socket.on('error', () => {})
      socket.once('close', () => sockets.delete(socket))
    }
    void pass(near, far, sizes)
    void pass(far, near, sizes)
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  return {
    port: (server.address() as AddressInfo).port,
    async close() {
      const closed = once(server, 'close')
      server.close()
      for (const socket of sockets) socket.destroy()
      await closed
    },
  }
}

async function pass(from: Socket, to: Socket, sizes: readonly number[]): Promise<void> {
  try {
    for await (const chunk of from) await writeCut(to, chunk as Buffer, sizes)
  } catch {
    // The other end has gone.
  }
  to.end()
}

/** Writes bytes in pieces of these sizes, each in its own turn of the event loop. */
export async function writeCut(to: Socket, bytes: Buffer, sizes: readonly number[]): Promise<void> {
  for (let at = 0, i = 0; at < bytes.length; i++) {
    const size = Math.max(sizes[i % sizes.length] ?? bytes.length, 1)
    to.write(bytes.subarray(at, at + size))
    at += size
    await tick()
  }
}
