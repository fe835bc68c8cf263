import { afterEach, describe, expect, it } from 'vitest'
import { connectionOpener } from '../../src/driver/open-connection.ts'
import { inexactColumn } from '../../src/driver/requests.ts'
import type { OnConnect } from '../../src/index.ts'
import { PacketType } from '../../src/tds/packet.ts'
import { DoneStatus, encodeDone, encodeError } from '../../src/tds/tokens.ts'
import { systemClock } from '../../src/time/clock.ts'
import { Lease } from '../../src/token/lease.ts'
import { ca, type StrictServerOptions, startStrictServer } from './strict-server.ts'

const closing: (() => unknown)[] = []
afterEach(async () => {
  for (const close of closing.splice(0).reverse()) await close()
})

async function open(
  onConnect: OnConnect,
  answer?: StrictServerOptions['answer'],
  signal = new AbortController().signal,
) {
  const server = await startStrictServer({ hosts: ['localhost'], ...(answer && { answer }) })
  closing.push(() => server.close())
  const config = { server: 'localhost', port: server.port, options: { cryptoCredentialsDetails: { ca } } }
  const now = Date.now()
  const lease = new Lease(
    'x',
    { expiresOn: now + 3_600_000, refreshAfter: now + 3_000_000, deadline: now + 3_480_000 },
    systemClock,
  )
  const opener = connectionOpener(config, {}, 'https://database.windows.net/', { onConnect })
  return { server, opened: opener.open(lease, signal) }
}

const isOf = (text: string) => (request: { payload: Buffer }) => request.payload.includes(Buffer.from(text, 'utf16le'))

describe('onConnect', () => {
  it('runs its statements on a connection before it can be lent', async () => {
    const { server, opened } = await open(async (connection) => {
      await connection.executeRaw('EXEC sp_set_session_context @P1, @P2', 'tenant', 7)
      await connection.executeScript('SET LOCK_TIMEOUT 5000')
      expect(await connection.queryRaw('SELECT 1 AS one')).toEqual([])
    })
    const connection = await opened
    expect(connection.isUsable).toBe(true)
    const [context, script, query] = ['sp_set_session_context', 'SET LOCK_TIMEOUT', 'SELECT 1 AS one'].map((text) =>
      server.requests.find(isOf(text)),
    )
    expect([context?.type, script?.type, query?.type]).toEqual([PacketType.RPC, PacketType.SQL_BATCH, PacketType.RPC])
    expect(isOf('tenant')(context ?? { payload: Buffer.alloc(0) })).toBe(true)
    connection.close('disconnected')
  })

  it('that throws closes the connection, and its error is the cause', async () => {
    const { server, opened } = await open(() => {
      throw new Error('no tenant is set')
    })
    await expect(opened).rejects.toMatchObject({
      code: 'ON_CONNECT_FAILED',
      message: expect.stringContaining('no tenant is set'),
      cause: { message: 'no tenant is set' },
    })
    await expect.poll(() => server.open).toBe(0)
  })

  it('whose statement the server refuses fails with what the server says', async () => {
    const message = 'Could not find stored procedure.'
    const refusal = Buffer.concat([
      encodeError({ number: 2812, state: 1, class: 16, message }),
      encodeDone(DoneStatus.ERROR),
    ])
    const { opened } = await open(
      (connection) => connection.executeRaw('EXEC nothing'),
      (request) => (isOf('EXEC nothing')(request) ? refusal : undefined),
    )
    await expect(opened).rejects.toMatchObject({ code: 'ON_CONNECT_FAILED', message: expect.stringContaining(message) })
  })

  it('that never ends does not keep a login alive that nobody needs any more', async () => {
    const stopped = new AbortController()
    const { server, opened } = await open(
      () => {
        stopped.abort(new Error('Nobody waits.'))
        return new Promise(() => {})
      },
      undefined,
      stopped.signal,
    )
    await expect(opened).rejects.toThrow('Nobody waits.')
    await expect.poll(() => server.open).toBe(0)
  })
})

it.each([
  ['decimal(15,2)', 'DecimalN', 15, undefined, undefined],
  ['decimal(16,2)', 'DecimalN', 16, undefined, { precision: 16, scale: 2 }],
  ['numeric(38,2)', 'NumericN', 38, undefined, { precision: 38, scale: 2 }],
  ['money', 'MoneyN', undefined, 8, { precision: 19, scale: 4 }],
  ['smallmoney', 'MoneyN', undefined, 4, undefined],
  ['bigint', 'IntN', undefined, 8, undefined],
])('whether %s may be read inexactly', (_, name, precision, dataLength, expected) => {
  const column = { colName: 'price', type: { name }, precision, scale: 2, dataLength }
  expect(inexactColumn([column])).toEqual(expected && { column: 'price', ...expected })
})
