import { once } from 'node:events'
import { type AddressInfo, createServer, type Server } from 'node:net'
import { createCertificateAuthority } from '../x509/certificates.ts'
import { LocalLogin } from './admission.ts'
import { ConnectionBudget } from './connection-budget.ts'
import { connectionStringFor, type UrlOptions } from './connection-strings.ts'
import { Databases } from './databases.ts'
import { emptyStats, type ProxyStats } from './events.ts'
import { ProxyConnection } from './proxy-connection.ts'
import { type ProxyOptions, settingsOf } from './settings.ts'

/**
 * A TDS endpoint on 127.0.0.1, and nowhere else, for tools that only support a user and password: it accepts one SQL login,
 * generated at its start, and signs in upstream with a token. Each client connection has its own connection upstream.
 */
export class LoopbackProxy {
  readonly host = '127.0.0.1'
  readonly port: number
  /** The issuer of its certificate, as PEM: for clients that encrypt and verify. Its names: `localhost`, `127.0.0.1`. */
  readonly ca: string
  readonly #server: Server
  readonly #localLogin: LocalLogin
  readonly #database: string | undefined
  readonly #stats: ProxyStats
  readonly #connections: ReadonlySet<ProxyConnection>

  /** Use {@link startProxy}. */
  constructor(
    server: Server,
    localLogin: LocalLogin,
    database: string | undefined,
    stats: ProxyStats,
    connections: ReadonlySet<ProxyConnection>,
    ca: string,
  ) {
    this.#server = server
    this.#localLogin = localLogin
    this.#database = database
    this.#stats = stats
    this.#connections = connections
    this.port = (server.address() as AddressInfo).port
    this.ca = ca
  }

  get user(): string {
    return this.#localLogin.user
  }

  /** It gives any process of this user on this machine the identity's rights in the database. */
  get password(): string {
    return this.#localLogin.password
  }

  /**
   * A connection string for a tool that only supports a user and password.
   *
   * @throws {@link EntraError} `CONFIG_INVALID` for a name with `}`, which Prisma's strings cannot hold
   */
  url({ format = 'prisma', database = this.#database, ...options }: UrlOptions = {}): string {
    const { host, port, user, password } = this
    return connectionStringFor({ host, port, user, password, database, ...options }, format)
  }

  stats(): ProxyStats {
    return { ...this.#stats, refused: { ...this.#stats.refused } }
  }

  /** Stops listening, and destroys all connections, here and upstream. The token source stays open. */
  async close(): Promise<void> {
    const closed = once(this.#server, 'close')
    this.#server.close()
    for (const connection of [...this.#connections]) connection.close()
    await closed
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close()
  }
}

/**
 * Starts a loopback proxy.
 *
 * @throws the system's error if the port is in use
 */
export async function startProxy(options: ProxyOptions): Promise<LoopbackProxy> {
  const settings = settingsOf(options)
  const { unref, port, target } = settings
  const authority = await createCertificateAuthority({ name: 'prisma-adapter-mssql-entra loopback proxy' })
  const { key, certificate } = await authority.issue({ hosts: ['localhost', '127.0.0.1'] })
  // The whole chain: some clients that pin or show a certificate look for its issuer there.
  const tls = { key, certificate: certificate + authority.certificate }
  const localLogin = new LocalLogin()
  const stats = emptyStats()
  const databases = new Databases(settings.clock)
  const connections = new Set<ProxyConnection>()
  const budget = new ConnectionBudget(settings)
  // Nothing is read before it is known whose connection it is.
  const server = createServer({ noDelay: true, keepAlive: true, pauseOnConnect: true }, (socket) => {
    if (unref) socket.unref()
    const connection = new ProxyConnection(socket, settings, localLogin, tls, stats, databases, budget)
    connections.add(connection)
    stats.connections++
    stats.connectionsOpen++
    socket.once('close', () => {
      stats.connectionsOpen--
      stats.bytesIn += socket.bytesRead
      stats.bytesOut += socket.bytesWritten
    })
    void connection.serve().finally(() => connections.delete(connection))
  })
  if (unref) server.unref()
  // Not shared with the other workers of a cluster, each of which has its own login.
  server.listen({ host: '127.0.0.1', port, exclusive: true })
  await once(server, 'listening')
  return new LoopbackProxy(server, localLogin, target.database, stats, connections, authority.certificate)
}
