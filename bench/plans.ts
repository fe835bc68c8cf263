/**
 * How many plans a server has to keep for one statement: SQL Server keeps one for each text and declaration of its
 * parameters. Counts the declarations that arrive for 1,000 different values.
 *
 *     npm run bench:plans
 */
import { PrismaMssql } from '@prisma/adapter-mssql'
import type { SqlDriverAdapterFactory, SqlQuery } from '@prisma/driver-adapter-utils'
import { PrismaMssqlEntra } from '../src/index.ts'
import { ByteReader } from '../src/tds/bytes.ts'
import { PacketType } from '../src/tds/packet.ts'
import { parseTypeInfo } from '../test/engine/wire/type-info.ts'
import { parseValue } from '../test/engine/wire/values.ts'
import { startEntraServer } from '../test/proxy/entra-server.ts'
import { serveCanned } from './canned-server.ts'
import { markdownTable } from './markdown.ts'

const VALUES = 1_000

/** Of 16 to 55 characters, as those of people are. */
const emailOf = (n: number) => `${'a'.repeat(1 + ((n * 7) % 40))}.${String(n).padStart(3, '0')}@example.com`
const nameOf = (n: number) => 'b'.repeat(2 + ((n * 11) % 25))

const STATEMENTS: Readonly<Record<string, (n: number) => SqlQuery>> = {
  'a row by its e-mail': (n) => query('SELECT [id] FROM [dbo].[User] WHERE [email] = @P1', [emailOf(n)]),
  'an e-mail and a name written': (n) =>
    query('INSERT INTO [dbo].[User] ([email], [name]) VALUES (@P1, @P2)', [emailOf(n), nameOf(n)]),
}

function query(sql: string, args: string[]): SqlQuery {
  return { sql, args, argTypes: args.map(() => ({ scalarType: 'string', arity: 'scalar' })) }
}

/** The second parameter of `sp_executesql`, which declares the others. */
function declarationIn(rpc: Buffer): string {
  const reader = new ByteReader(rpc, 'an RPC')
  reader.bytes(reader.uint32() - 4)
  // A procedure by its number, and options.
  reader.bytes(6)
  const [, declaration] = [nextValue(reader), nextValue(reader)]
  return String(declaration)
}

function nextValue(reader: ByteReader): unknown {
  reader.bVarchar()
  reader.uint8()
  return parseValue(reader, parseTypeInfo(reader))
}

const declarations = new Set<string>()
const server = await startEntraServer({
  serve: (stream) =>
    serveCanned(stream, {
      delay: 0,
      onMessage: (type, payload) => {
        if (type === PacketType.RPC) declarations.add(declarationIn(payload))
      },
    }),
})
const token = 'token'
const config = {
  server: 'localhost',
  port: server.port,
  options: { encrypt: true, cryptoCredentialsDetails: { ca: server.ca } },
}
const credential = { getToken: async () => ({ token, expiresOnTimestamp: Date.now() + 3_600_000 }) }
const authentication = { type: 'azure-active-directory-access-token', options: { token } } as const
const CONTESTANTS: Readonly<Record<string, SqlDriverAdapterFactory>> = {
  // Without a query of its own before each.
  '`@prisma/adapter-mssql`': new PrismaMssql({ ...config, authentication, validateConnection: false }),
  ours: new PrismaMssqlEntra(config, { credential }),
}

const rows: string[][] = []
for (const [name, factory] of Object.entries(CONTESTANTS)) {
  const adapter = await factory.connect()
  const counts: string[] = []
  for (const statement of Object.values(STATEMENTS)) {
    declarations.clear()
    for (let n = 0; n < VALUES; n++) await adapter.queryRaw(statement(n))
    counts.push(String(declarations.size))
  }
  rows.push([name, ...counts])
  await adapter.dispose()
}
await server.close()
console.log(markdownTable([`declarations of ${VALUES} different values`, ...Object.keys(STATEMENTS)], rows))
