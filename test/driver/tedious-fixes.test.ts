import { createRequire } from 'node:module'
import type { Duplex } from 'node:stream'
import type * as Mssql from 'mssql'
import type * as Tedious from 'tedious'
import { afterEach, describe, expect, it } from 'vitest'
import { patchConnection } from '../../src/driver/tedious-fixes.ts'
import { PrismaMssqlEntra } from '../../src/index.ts'
import { dial } from '../../src/login/connect.ts'
import { encodeMessage, PacketType } from '../../src/tds/packet.ts'
import { DoneStatus, EnvChange, encodeDone, encodeError } from '../../src/tds/tokens.ts'
import { encodeBinaryChange } from '../../src/testing/gateway/server-tokens.ts'
import { ca, type StrictServerOptions, startStrictServer } from './strict-server.ts'

// `npm run try:versions -- mssql=12.6.0 tedious=19.0.1 test/driver` and the like run this on other versions. There may be
// more than one of each: these are the official adapter's.
const ofAdapter = createRequire(createRequire(import.meta.url).resolve('@prisma/adapter-mssql'))
const mssql: typeof Mssql = ofAdapter('mssql')
const ofMssql = createRequire(ofAdapter.resolve('mssql'))
const { Connection, Request, TYPES }: typeof Tedious = ofMssql('tedious')
const { version }: { version: string } = ofMssql('tedious/package.json')
const isTooOld = version.localeCompare('19.2.1', 'en', { numeric: true }) < 0

/** As long as a managed identity's. */
const TOKEN = 'x'.repeat(2_000)
const EITHER = [
  ['TDS 7.4', true],
  ['TDS 8', 'strict'],
] as const

const closing: (() => unknown)[] = []
afterEach(async () => {
  for (const close of closing.splice(0).reverse()) await close()
})

async function start(options?: StrictServerOptions) {
  const server = await startStrictServer(options)
  closing.push(() => server.close())
  return server
}

/** Dials 127.0.0.1 whatever the name: the server's own port, or that of a redirect. */
const connectorTo = (to: { port: number }) => (target?: { host: string; port: number }) =>
  dial({ host: '127.0.0.1', port: target?.host === 'front.test' ? to.port : (target?.port ?? to.port) })

/** What mssql and tedious take alike. */
const optionsFor = (to: { port: number }, options: object) => ({
  port: 1433,
  connector: connectorTo(to),
  cryptoCredentialsDetails: { ca },
  ...options,
})

function makeConnection(to: { port: number }, options: object, Driver = Connection): Tedious.Connection {
  const authentication = { type: 'azure-active-directory-access-token', options: { token: TOKEN } } as const
  const connection = new Driver({ server: 'front.test', authentication, options: optionsFor(to, options) as never })
  closing.push(() => connection.close())
  // What tests wait for tells of it.
  connection.on('error', () => {})
  return connection
}

async function connect(connection: Tedious.Connection): Promise<Tedious.Connection> {
  await new Promise<void>((resolve, reject) => connection.connect((error) => (error ? reject(error) : resolve())))
  return connection
}

async function open(to: { port: number }, options: object): Promise<Tedious.Connection> {
  const connection = makeConnection(to, options)
  patchConnection(connection as never)
  return connect(connection)
}

const run = (connection: Tedious.Connection, sql: string, value?: string) =>
  new Promise<void>((resolve, reject) => {
    const request = new Request(sql, (error) => (error ? reject(error) : resolve()))
    if (value === undefined) return connection.execSqlBatch(request)
    request.addParameter('value', TYPES.NVarChar, value)
    connection.execSql(request)
  })

const load = (connection: Tedious.Connection, rows: readonly string[]) =>
  new Promise<void>((resolve, reject) => {
    const bulk: Tedious.BulkLoad = connection.newBulkLoad('t', (error) => (error ? reject(error) : resolve()))
    bulk.addColumn('text', TYPES.NVarChar, { nullable: true })
    connection.execBulkLoad(
      bulk,
      rows.map((text) => ({ text })),
    )
  })

describe.skipIf(isTooOld)(`one packet is one TLS record, with tedious ${version}`, () => {
  const cases = EITHER.flatMap(([protocol, encrypt]) =>
    [512, 4096, 8192, 16_383, 32_767].flatMap((packetSize) =>
      [false, true].map((slow) => ({ protocol, encrypt, packetSize, slow })),
    ),
  )

  it.each(cases)('$protocol, packetSize $packetSize, slow server $slow', async ({ encrypt, packetSize, slow }) => {
    const server = await start({ slow })
    const connection = await open(server, { encrypt, packetSize })
    expect(server.logins).toMatchObject([{ login: { packetSize } }])
    await run(connection, 'a'.repeat(150_000))
    await run(connection, 'SELECT @value', 'b'.repeat(150_000))
    await load(
      connection,
      Array.from({ length: 100 }, (_, row) => 'c'.repeat(3_000 + row)),
    )
    expect(server.violations).toEqual([])
    const lengths = server.requests.map(({ payload }) => payload.length)
    expect(lengths.filter((length) => length > 300_000)).toHaveLength(3)
  })

  it.each(EITHER)('a request can be cancelled while it is being sent, over %s', async (_, encrypt) => {
    const server = await start()
    const connection = await open(server, { encrypt })
    for (let length = 20_000; length < 20_600; length += 15) {
      await new Promise<void>((resolve) => {
        connection.execSqlBatch(new Request('d'.repeat(length), () => resolve()))
        setImmediate(() => connection.cancel())
      })
    }
    expect(server.violations).toEqual([])
  })

  it('the adapter sends a token of 2,000 characters and a script of 100 KB over TDS 8', async () => {
    const server = await start()
    const adapter = new PrismaMssqlEntra(
      { server: 'front.test', options: optionsFor(server, { encrypt: 'strict', packetSize: 8192 }) as never },
      { credential: { getToken: async () => ({ token: TOKEN, expiresOnTimestamp: Date.now() + 3_600_000 }) } },
    )
    const client = await adapter.connect()
    await client.executeScript('e'.repeat(50_000))
    await client.dispose()
    expect(server.violations).toEqual([])
    expect(server.requests.some(({ payload }) => payload.length > 100_000)).toBe(true)
  })
})

describe.skipIf(isTooOld)('after a redirect', () => {
  const redirected = async (encrypt: true | 'strict', workerHosts: string[]) => {
    const worker = await start({ hosts: workerHosts })
    const redirect = { host: String.raw`worker.test\inst`, port: worker.port }
    const front = await start({ redirect })
    return { worker, login: open(front, { encrypt }) }
  }

  it.each(EITHER)('a certificate for only the routed host is accepted, over %s', async (_, encrypt) => {
    const { worker, login } = await redirected(encrypt, ['worker.test'])
    await run(await login, 'f'.repeat(20_000))
    expect(worker.logins).toMatchObject([
      { servername: 'worker.test', login: { serverName: String.raw`worker.test\inst` } },
    ])
    expect(worker.violations).toEqual([])
  })

  it.each(EITHER)('a certificate for only the redirecting host is refused, over %s', async (_, encrypt) => {
    const { worker, login } = await redirected(encrypt, ['front.test'])
    await expect(login).rejects.toThrow(/altnames|does not match/)
    expect(worker.logins).toEqual([])
  })
})

describe.skipIf(isTooOld)('a login whose answer breaks off', () => {
  /** The first half of an answer: the packet says that more is to come. */
  const half = encodeMessage(PacketType.TABULAR_RESULT, Buffer.alloc(20, 0xff), 16).subarray(0, 16)

  it.each<[string, (client: Duplex) => void]>([
    ['by an end in order', (client) => client.end(half)],
    ['by silence past the connect timeout', (client) => client.write(half)],
  ])('fails: %s', async (_, answerLogin) => {
    const server = await start({ answerLogin })
    await expect(open(server, { encrypt: true, connectTimeout: 1_000 })).rejects.toThrow(/hang up|Failed to connect/)
  })
})

it.skipIf(isTooOld)('a transaction that the server ends during COMMIT fails without crashing the process', async () => {
  const BEGIN = 5
  const descriptor = Buffer.alloc(8, 1)
  const server = await start({
    answer: ({ type, payload }) => {
      if (type !== PacketType.TRANSACTION_MANAGER) return undefined
      if (payload.readUInt16LE(payload.readUInt32LE(0)) === BEGIN) {
        const begun = encodeBinaryChange(EnvChange.BEGIN_TRANSACTION, descriptor)
        return Buffer.concat([begun, encodeDone(DoneStatus.FINAL)])
      }
      const ended = encodeBinaryChange(EnvChange.ROLLBACK_TRANSACTION, Buffer.alloc(0), descriptor)
      const error = encodeError({ number: 3998, state: 1, class: 16, message: 'Uncommittable.' })
      return Buffer.concat([ended, error, encodeDone(DoneStatus.ERROR)])
    },
  })
  const pool = new mssql.ConnectionPool({
    server: 'front.test',
    authentication: { type: 'azure-active-directory-access-token', options: { token: TOKEN } },
    options: optionsFor(server, { encrypt: true }) as never,
    beforeConnect: patchConnection,
  })
  await pool.connect()
  closing.push(() => pool.close())
  const transaction = pool.transaction()
  await transaction.begin()
  await expect(transaction.commit()).rejects.toThrow('Uncommittable.')
  // The connection was given back once, and serves the next.
  await pool.request().batch('SELECT 1')
  expect(server.taken).toBe(2)
})

describe('a driver that cannot be patched is refused before anything is sent', () => {
  const refused = (Driver: typeof Connection, to = { port: 1 }) => {
    const connection = makeConnection(to, { encrypt: true }, Driver)
    return expect(() => patchConnection(connection as never))
  }

  it.skipIf(isTooOld)('because its login has the features before the texts', () => {
    class Early extends Connection {
      override sendLogin7Packet(): void {
        const login7 = Buffer.alloc(200)
        login7.writeUInt16LE(94, 56)
        login7.writeUInt32LE(98, 94)
        login7.writeUInt16LE(120, 60)
        ;(this as unknown as { messageIo: { sendMessage(...sent: unknown[]): void } }).messageIo.sendMessage(16, login7)
      }
    }
    const expected = `tedious ${version}, cannot be used: its login has the features in a place`
    refused(Early).toThrow(expect.objectContaining({ code: 'DRIVER_UNSUPPORTED' }))
    refused(Early).toThrow(expected)
  })

  it.skipIf(isTooOld)('because it lacks something that must be patched', () => {
    class Changed extends Connection {
      constructor(config: ConstructorParameters<typeof Connection>[0]) {
        super(config)
        Object.assign(this, { wrapWithTls: undefined })
      }
    }
    refused(Changed).toThrow('it has no wrapWithTls. No statement was sent. Install @prisma/adapter-mssql')
  })

  it.skipIf(isTooOld)('because its login throws in the dry run, with the cause', () => {
    class Other extends Connection {
      override sendPreLogin(): void {
        throw new Error('not so')
      }
    }
    refused(Other).toThrow(expect.objectContaining({ cause: new Error('not so') }))
  })

  it.runIf(isTooOld)(`by the adapter, if it is tedious ${version}`, async () => {
    const server = await start()
    const adapter = new PrismaMssqlEntra(
      { server: 'front.test', options: optionsFor(server, { encrypt: true }) as never },
      { credential: { getToken: async () => ({ token: TOKEN, expiresOnTimestamp: Date.now() + 3_600_000 }) } },
    )
    await expect(adapter.connect()).rejects.toThrow(/tedious.* cannot be used/)
    expect([server.logins, server.taken]).toEqual([[], 0])
  })
})
