import { once } from 'node:events'
import { connect, createServer, type Server, type Socket } from 'node:net'

/** What stands in front of a gateway at an address of its own, and may be taken away: passes bytes on. */
export class Front {
  readonly #address: string
  readonly #port: number
  readonly #gatewayPort: number
  readonly #sockets = new Set<Socket>()
  #server: Server | undefined

  constructor(address: string, port: number, gatewayPort: number) {
    this.#address = address
    this.#port = port
    this.#gatewayPort = gatewayPort
  }

  async open(): Promise<void> {
    this.#server = createServer({ noDelay: true }, (client) => {
      const gateway = connect({ port: this.#gatewayPort, host: '127.0.0.1', noDelay: true })
      client.pipe(gateway).pipe(client)
      for (const [socket, other] of [
        [client, gateway],
        [gateway, client],
      ] as const) {
        this.#sockets.add(socket)
        socket.on('error', () => {})
        socket.on('close', () => {
          this.#sockets.delete(socket)
          other.destroy()
        })
      }
    })
    this.#server.listen(this.#port, this.#address)
    await once(this.#server, 'listening')
  }

  /** Resets every connection, and refuses new ones. */
  async close(): Promise<void> {
    const closed = this.#server && once(this.#server, 'close')
    this.#server?.close()
    for (const socket of this.#sockets) socket.resetAndDestroy()
    await closed
  }
}
