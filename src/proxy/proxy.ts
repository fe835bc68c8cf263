import { once } from 'node:events'
import { type AddressInfo, createServer, type Server, type Socket } from 'node:net'
import { createCertificateAuthority } from '../x509/certificates.ts'
import { LocalLogin } from './admission.ts'
import { ConnectionBudget } from './connection-budget.ts'
import { connectionStringFor, type UrlOptions } from './connection-strings.ts'
import { Databases } from './databases.ts'
import { emptyStats, type ProxyStats } from './events.ts'
import { ProxyConnection, type Shared } from './proxy-connection.ts'
import { type ProxyOptions, settingsOf } from './settings.ts'

/**
 * A TDS endpoint on 127.0.0.1, and nowhere else, for tools that only support a user and password: it accepts one SQL login,
 * and signs in upstream with a token. Each client connection has its own connection upstream.
 */
export class LoopbackProxy {
  readonly host = '127.0.0.1'
  /** The issuer of its certificate, as PEM: for clients that encrypt and verify. Its names: `localhost`, `127.0.0.1`. */
  readonly ca: string
  readonly #shared: Shared
  readonly #server: Server
  readonly #connections = new Set<ProxyConnection>()
  #port = 0

  /** Use {@link startProxy}. */
  constructor(shared: Shared, ca: string) {
    this.#shared = shared
    this.ca = ca
    // Nothing is read before it is known whose connection it is.
    this.#server = createServer({ noDelay: true, keepAlive: true, pauseOnConnect: true }, (socket) => {
      this.#serve(socket)
    })
  }

  get port(): number {
    return this.#port
  }

  get user(): string {
    return this.#shared.localLogin.user
  }

  /** It gives any process of this user on this machine the identity's rights in the database. */
  get password(): string {
    return this.#shared.localLogin.password
  }

  /**
   * A connection string for a tool that only supports a user and password.
   *
   * @throws {@link EntraError} `CONFIG_INVALID` for a name with `}`, which Prisma's strings cannot hold
   */
  url({ format = 'prisma', database = this.#shared.settings.target.database, ...options }: UrlOptions = {}): string {
    const { host, port, user, password } = this
    return connectionStringFor({ host, port, user, password, database, ...options }, format)
  }

  stats(): ProxyStats {
    const { stats } = this.#shared
    return { ...stats, refused: { ...stats.refused } }
  }

  /** Once, by {@link startProxy}. */
  async listen(): Promise<void> {
    const { port, unref } = this.#shared.settings
    if (unref) this.#server.unref()
    // Not shared with the other workers of a cluster, each of which has its own login.
    this.#server.listen({ host: this.host, port, exclusive: true })
    await once(this.#server, 'listening')
    this.#port = (this.#server.address() as AddressInfo).port
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

  #serve(socket: Socket): void {
    const { settings, stats } = this.#shared
    if (settings.unref) socket.unref()
    const connection = new ProxyConnection(socket, this.#shared)
    this.#connections.add(connection)
    stats.connections++
    stats.connectionsOpen++
    socket.once('close', () => {
      stats.connectionsOpen--
      stats.bytesIn += socket.bytesRead
      stats.bytesOut += socket.bytesWritten
    })
    void connection.serve().finally(() => this.#connections.delete(connection))
  }
}

/**
 * Starts a loopback proxy.
 *
 * @throws the system's error if the port is in use
 */
export async function startProxy(options: ProxyOptions): Promise<LoopbackProxy> {
  const settings = settingsOf(options)
  const authority = await createCertificateAuthority({ name: 'prisma-adapter-mssql-entra loopback proxy' })
  const { key, certificate } = await authority.issue({ hosts: ['localhost', '127.0.0.1'] })
  const shared: Shared = {
    settings,
    // The whole chain: some clients that pin or show a certificate look for its issuer there.
    tls: { key, certificate: certificate + authority.certificate },
    localLogin: new LocalLogin(settings.login?.user, settings.login?.password),
    stats: emptyStats(),
    databases: new Databases(settings.clock),
    budget: new ConnectionBudget(settings),
  }
  const proxy = new LoopbackProxy(shared, authority.certificate)
  await proxy.listen()
  return proxy
}
