import { EventEmitter } from 'node:events'
import { Socket } from 'node:net'
import { describe, expect, it } from 'vitest'
import { type Connection, Connections } from '../../src/rotation/connections.ts'

/** A connection in its login; when it is closed it hears nothing more of its socket, as with tedious 20. */
class LoggingIn extends EventEmitter {
  readonly state = { name: 'SentLogin7WithStandardLogin' }
  readonly STATE = { LOGGED_IN: { name: 'LoggedIn' } }
  readonly socket = new Socket().on('error', () => {})

  close(): void {
    const [first] = this.socket.listeners('error')
    if (first) this.socket.removeListener('error', first as () => void)
    this.emit('end')
  }
}

describe('connections that are closed in their login', () => {
  it('end with an error that ends nothing else', async () => {
    const connections = new Connections()
    const connection = new LoggingIn()
    connections.add(connection as unknown as Connection)
    connections.closeAll()
    expect(connections.size).toBe(0)
    await new Promise((resolve) => connection.socket.once('close', resolve))
    expect(connection.socket.errored).toMatchObject({ code: 'NOT_SENT' })
  })
})
