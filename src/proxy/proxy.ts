import { once } from 'node:events'
import { type AddressInfo, createServer, type Server } from 'node:net'
import { audienceOf, cloudOf } from '../credentials/clouds.ts'
import { emit } from '../events.ts'
import { type ConnectTiming, defaultConnectTiming } from '../login/retry-policy.ts'
import type { Target } from '../login/target.ts'
import { type Clock, type Random, systemClock } from '../time/clock.ts'
import type { TokenSource } from '../token/token-source.ts'
import { createCertificateAuthority } from '../x509/certificates.ts'
import { connectionStringFor, type UrlFormat } from './connection-strings.ts'
import type { ProxyEvent } from './events.ts'
import { LocalLogin } from './local-login.ts'
import { type ClientWishes, ProxyConnection, type ProxyParts } from './proxy-connection.ts'
import { emptyStats, type ProxyStats } from './stats.ts'

/** Options of {@link startProxy}. */
export interface ProxyOptions {
  /** The server to sign in on; `targetOf` makes one of an `mssql` config. */
  target: Target
  /** Where the tokens come from. Asked for nothing until a client has given the right login. */
  tokenSource: TokenSource
  /** The `aud` claim of the tokens for the server, for what is said of one that it refuses. @defaultValue by its host */
  audience?: string
  /** @defaultValue a free one */
  port?: number
  /** Whether the proxy and its connections let the process end while they are open. @defaultValue false */
  unref?: boolean
  /**
   * Whether a session is cut when the token that it was opened with expires.
   *
   * Prisma Client's connections are replaced in time, so that none outlives its token; a session of the proxy cannot
   * be, since its client holds locks, temporary tables and transactions in it. Azure SQL lets a session go on past its
   * token's end, and a migration of an hour must not die for it: so sessions are left alone by default, and each begins
   * with a token that has some minutes left (`deadlineMarginMax` of the token source). A door that stands open for days
   * may rather want the strict rule.
   *
   * @defaultValue false
   */
  endAtExpiry?: boolean
  /**
   * Turns away clients that gave the right login: gives what they are told (error 50000), or undefined to let them in.
   *
   * @defaultValue all are let in
   */
  refuse?: (wishes: ClientWishes) => string | undefined
  /** A client that has not given its login within this is cut, in ms. @defaultValue 15_000 */
  loginTimeout?: number
  /** How long a token, and a database that is paused, moving or busy, are waited for. */
  timing?: Partial<ConnectTiming> & {
    /** How long a login waits for a token, in ms. @defaultValue the target's `connectTimeout` */
    waitTimeout?: number
  }
  /** Called with each event: clients let in, turned away, gone. Must not throw. */
  onEvent?: (event: ProxyEvent) => void
  /** For tests. @defaultValue the machine's clock */
  clock?: Clock
  /** For tests. @defaultValue `Math.random` */
  random?: Random
}

/** Options of {@link LoopbackProxy.url}. */
export interface UrlOptions {
  database?: string | undefined
  schema?: string | undefined
  /** Where {@link LoopbackProxy.ca} was written to: then Prisma's engine encrypts. */
  caFile?: string | undefined
  format?: UrlFormat
}

/** How long a login waits for a token where the target has no connect timeout, in ms. */
const DEFAULT_WAIT = 15_000

/**
 * A TDS endpoint on 127.0.0.1, and nowhere else, for tools that know only user and password: takes one SQL login, made
 * up at its start, and signs in upstream with a token. Each of its connections has one of its own upstream.
 */
export class LoopbackProxy {
  readonly host = '127.0.0.1'
  readonly port: number
  /** What signed its certificate, as PEM: for clients that encrypt and verify. Its names: `localhost`, `127.0.0.1`. */
  readonly ca: string
  readonly #server: Server
  readonly #parts: ProxyParts
  readonly #connections: Set<ProxyConnection>

  /** Use {@link startProxy}. */
  constructor(server: Server, parts: ProxyParts, connections: Set<ProxyConnection>, ca: string) {
    this.#server = server
    this.#parts = parts
    this.#connections = connections
    this.port = (server.address() as AddressInfo).port
    this.ca = ca
  }

  get user(): string {
    return this.#parts.localLogin.user
  }

  /** Whoever has it, and runs as this user on this machine, has the identity's rights in the database. */
  get password(): string {
    return this.#parts.localLogin.password
  }

  /**
   * A connection string for a tool that knows only user and password.
   *
   * @param options - `database`: the target's unless given. `schema`: none unless given. `format`: Prisma's unless given
   * @throws {@link EntraError} `CONFIG_INVALID` for a name with `}`, which Prisma's strings cannot hold
   */
  url(options: UrlOptions = {}): string {
    const { host, port, user, password } = this
    const { database = this.#parts.target.database, schema, caFile, format } = options
    return connectionStringFor({ host, port, user, password, database, schema, caFile }, format)
  }

  stats(): ProxyStats {
    const { stats } = this.#parts
    return { ...stats, refused: { ...stats.refused } }
  }

  /** Takes no more connections, and destroys those that there are, here and upstream. The token source stays. */
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
 * @throws the system's error where the port is taken
 */
export async function startProxy(options: ProxyOptions): Promise<LoopbackProxy> {
  const clock = options.clock ?? systemClock
  const authority = await createCertificateAuthority({ name: 'prisma-adapter-mssql-entra loopback proxy' })
  const { key, certificate } = await authority.issue({ hosts: ['localhost', '127.0.0.1'] })
  const unref = options.unref ?? false
  const parts: ProxyParts = {
    target: options.target,
    tokenSource: options.tokenSource,
    audience: options.audience ?? audienceOf(cloudOf(options.target.host)),
    localLogin: new LocalLogin(),
    refuse: options.refuse,
    key,
    // The whole chain: some clients that pin or show a certificate look for its issuer there.
    certificate: certificate + authority.certificate,
    loginTimeout: options.loginTimeout ?? 15_000,
    timing: {
      ...defaultConnectTiming,
      waitTimeout: options.target.connectTimeout || DEFAULT_WAIT,
      ...options.timing,
    },
    endAtExpiry: options.endAtExpiry ?? false,
    unref,
    clock,
    random: options.random ?? Math.random,
    emit: (event) => {
      emit(event, options.onEvent)
    },
    stats: emptyStats(),
    opened: new Set(),
  }
  const connections = new Set<ProxyConnection>()
  const server = createServer({ noDelay: true, keepAlive: true }, (socket) => {
    if (unref) socket.unref()
    const { stats } = parts
    const connection = new ProxyConnection(socket, parts)
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
  // Not shared with the other workers of a cluster, each of which has a login of its own.
  server.listen({ host: '127.0.0.1', port: options.port ?? 0, exclusive: true })
  await once(server, 'listening')
  return new LoopbackProxy(server, parts, connections, authority.certificate)
}
