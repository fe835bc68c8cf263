import { afterEach, describe, expect, it } from 'vitest'
import type { DriverConnection } from '../../src/driver/official-adapter.ts'
import { connectionOpener } from '../../src/driver/open-connection.ts'
import { DoneStatus, encodeDone, encodeError } from '../../src/tds/tokens.ts'
import { systemClock } from '../../src/time/clock.ts'
import { Lease } from '../../src/token/lease.ts'
import { ca, type StrictServerOptions, startStrictServer } from './strict-server.ts'

const closing: (() => unknown)[] = []
afterEach(async () => {
  for (const close of closing.splice(0).reverse()) await close()
})

const never = new AbortController().signal

function lease(): Lease {
  const now = Date.now()
  return new Lease(
    'x'.repeat(2_000),
    { expiresOn: now + 3_600_000, refreshAfter: now + 3_000_000, deadline: now + 3_480_000 },
    systemClock,
  )
}

async function start(beforeConnect?: (connection: DriverConnection) => void, answer?: StrictServerOptions['answer']) {
  const server = await startStrictServer({ hosts: ['localhost'], ...(answer && { answer }) })
  closing.push(() => server.close())
  const config = {
    server: 'localhost',
    port: server.port,
    options: { cryptoCredentialsDetails: { ca } },
    ...(beforeConnect && { beforeConnect }),
  }
  return { server, opener: connectionOpener(config, {}, 'https://database.windows.net/') }
}

describe('opening a connection', () => {
  it('makes one login per connection and none before the first', async () => {
    let made = 0
    const { opener } = await start(() => made++)
    await opener.load()
    expect(made).toBe(0)
    for (let n = 1; n <= 2; n++) {
      const connection = await opener.open(lease(), never)
      expect([made, connection.isUsable]).toEqual([n, true])
      connection.close('disconnected')
      expect(connection.isUsable).toBe(false)
      await new Promise<void>((resolve) => connection.onEnd(resolve))
    }
  })

  it('refuses a driver that does not expose whether a connection is usable, with one error', async () => {
    let made = 0
    const { opener } = await start((connection) => {
      made++
      // As a version would be that calls it otherwise.
      Object.defineProperty(connection, 'socket', {
        get: () => undefined,
        set: (socket) => Object.assign(connection, { wire: socket }),
      })
    })
    await expect(opener.open(lease(), never)).rejects.toMatchObject({
      code: 'DRIVER_UNSUPPORTED',
      message: expect.stringMatching(/has no socket.*tedious 19\.2\.2/s),
    })
    expect(made).toBe(1)
  })

  it('returns a connection that sends nothing after its token expires', async () => {
    const { opener, server } = await start()
    const times = { expiresOn: Date.now() + 3_600_000, refreshAfter: Date.now(), deadline: Date.now() + 3_480_000 }
    let passed = 0
    const clock = { ...systemClock, now: () => Date.now() + passed }
    const connection = await opener.open(new Lease('x', times, clock), never)
    await connection.executeRaw({ sql: 'UPDATE', args: [], argTypes: [] })
    const sent = server.requests.length
    passed = 3_600_000
    await expect(connection.executeRaw({ sql: 'UPDATE', args: [], argTypes: [] })).rejects.toMatchObject({
      code: 'EINVALIDSTATE',
    })
    await expect(connection.executeScript('UPDATE')).rejects.toMatchObject({ code: 'EINVALIDSTATE' })
    expect(server.requests).toHaveLength(sent)
    connection.close('disconnected')
  })

  it('detects that the server ends the session because of its token during setup', async () => {
    const message = 'Query cannot be executed, access token is expired.'
    const expired = Buffer.concat([
      encodeError({ number: 37396, state: 1, class: 16, message }),
      encodeDone(DoneStatus.ERROR),
    ])
    const { opener } = await start(undefined, () => expired)
    await expect(opener.open(lease(), never)).rejects.toMatchObject({ code: 'TOKEN_REFUSED', number: 37396 })
  })

  it('closes the socket of an aborted login', async () => {
    const { opener } = await start()
    await opener.load()
    const given = new AbortController()
    const opened = opener.open(lease(), given.signal)
    given.abort(new Error('Nobody waits.'))
    await expect(opened).rejects.toThrow('Nobody waits.')
  })
})
