import { readFileSync } from 'node:fs'
import { Connection, type ConnectionConfiguration, Request, TYPES } from 'tedious'
import type { Target } from '../../src/login/target.ts'
import { readUrl } from './sqlserver-url.ts'

/** How a {@link TdsClient} signs in: by what a proxy made up, or by a token. */
export type TdsSignIn = { user: string; password: string } | { token: string }

/** Options of a connection of `tedious`, less those that this client needs for itself. */
export type TdsOptions = Omit<
  NonNullable<ConnectionConfiguration['options']>,
  'port' | 'rowCollectionOnRequestCompletion'
>

/** How long a login and a batch may take, in ms: a proxy waits for a paused database. */
const TIMEOUT = 120_000

/** One connection of the TDS client that most of npm uses, with nothing of ours in it. */
export class TdsClient {
  readonly #connection: Connection
  /** What the server said last of why it refuses something. */
  #refusal: { number: number; message: string } | undefined

  private constructor(server: string, authentication: ConnectionConfiguration['authentication'], options: TdsOptions) {
    this.#connection = new Connection({
      server,
      ...(authentication && { authentication }),
      options: { connectTimeout: TIMEOUT, requestTimeout: TIMEOUT, ...options },
    })
    this.#connection.on('errorMessage', (error) => {
      this.#refusal ??= error
    })
    this.#connection.on('error', () => {})
  }

  /**
   * Logs in on a loopback proxy.
   *
   * @param url - as the proxy gives it to Prisma's engine
   */
  static onProxy(url: string, options: TdsOptions = {}): Promise<TdsClient> {
    const { host, port, value } = readUrl(url)
    const ca = value('trustServerCertificateCA')
    return TdsClient.open(
      { host, port, encrypt: ca !== '' },
      { user: value('user'), password: value('password') },
      {
        database: value('database'),
        ...(ca !== '' && { cryptoCredentialsDetails: { ca: readFileSync(ca) } }),
        ...options,
      },
    )
  }

  /** @throws Error with the server's own number and words, where it has any */
  static async open(
    { host, port, encrypt }: Pick<Target, 'host' | 'port'> & { encrypt: boolean | 'strict' },
    signIn: TdsSignIn,
    options: TdsOptions = {},
  ): Promise<TdsClient> {
    const authentication: ConnectionConfiguration['authentication'] =
      'token' in signIn
        ? { type: 'azure-active-directory-access-token', options: { token: signIn.token } }
        : { type: 'default', options: { userName: signIn.user, password: signIn.password } }
    // The types of the driver know `strict` for `encrypt`; only in their text.
    const client = new TdsClient(host, authentication, { ...options, port, encrypt } as TdsOptions)
    await new Promise<void>((resolve, reject) => {
      client.#connection.connect((error) => (error ? reject(client.#explained(error)) : resolve()))
    })
    return client
  }

  /** Where the server sent the login on to, if it did. */
  get routedTo(): { server: string; port: number } | undefined {
    return (this.#connection as unknown as { routingData?: { server: string; port: number } }).routingData
  }

  /** Runs a batch; its rows, as lists of values. */
  run(sql: string): Promise<unknown[][]> {
    this.#refusal = undefined
    return new Promise((resolve, reject) => {
      const rows: unknown[][] = []
      const request = new Request(sql, (error) => (error ? reject(this.#explained(error)) : resolve(rows)))
      request.on('row', (columns: { value: unknown }[]) => rows.push(columns.map(({ value }) => value)))
      this.#connection.execSqlBatch(request)
    })
  }

  /** Loads rows of a number and a text in bulk; how many the server took. */
  load(table: string, columns: readonly [number: string, text: string], rows: (number | string)[][]): Promise<number> {
    this.#refusal = undefined
    return new Promise((resolve, reject) => {
      const bulk = this.#connection.newBulkLoad(table, (error, count) =>
        error ? reject(this.#explained(error)) : resolve(count ?? 0),
      )
      bulk.addColumn(columns[0], TYPES.Int, { nullable: false })
      bulk.addColumn(columns[1], TYPES.NVarChar, { length: Infinity, nullable: true })
      this.#connection.execBulkLoad(bulk, rows)
    })
  }

  async close(): Promise<void> {
    const closed = new Promise<void>((resolve) => this.#connection.once('end', () => resolve()))
    this.#connection.close()
    await closed
  }

  #explained(error: Error): Error {
    const refusal = this.#refusal
    if (refusal === undefined) return error
    return Object.assign(new Error(refusal.message, { cause: error }), { number: refusal.number })
  }
}
