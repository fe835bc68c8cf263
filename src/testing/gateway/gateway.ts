import { once } from 'node:events'
import { type AddressInfo, createServer, type Server, type Socket } from 'node:net'
import type { FedAuthInfo } from '../../tds/features.ts'
import type { Routing } from '../../tds/tokens.ts'
import { type Clock, systemClock } from '../../time/clock.ts'
import { createCertificateAuthority } from '../../x509/certificates.ts'
import { FaultList, type InjectedFault } from '../fault-list.ts'
import { tokenRefused } from './azure-errors.ts'
import { GatewayConnection, type GatewaySettings } from './connection.ts'
import type { GatewayEvent } from './events.ts'
import type { GatewayFault } from './faults.ts'
import { dialledAs, hostIn, type Listener, type RedirectOptions, routedAs, workersOf } from './redirect.ts'
import { type GatewayKind, type RuleChoice, rulesOf } from './rules.ts'
import { GatewayStatistics, type GatewayStats } from './stats.ts'
import { createTokenCheck, type TokenVerification, type VerifiedToken } from './token-check.ts'
import { type LoginAnswerOptions, type Upstream, upstreamOf } from './upstream.ts'

/** The SQL login with which the gateway logs in upstream for a principal. */
export type PrincipalLogin = Pick<Upstream, 'user' | 'password'>

/** Options of {@link startGateway}. */
export interface GatewayOptions {
  /** The SQL Server behind the gateway: a `sqlserver://` string with user and password, or its settings. */
  upstream: Upstream | string
  /** Whose tokens are accepted, and for which audience: for example `authority.verification`. */
  verification: TokenVerification
  /**
   * SQL logins by object id, application id or user principal name. Any other principal is refused, as one without a user
   * in the database.
   *
   * @defaultValue every principal gets the login of `upstream`
   */
  principals?: Readonly<Record<string, PrincipalLogin>>
  /** Which kind of server it behaves like. @defaultValue 'azure' */
  kind?: GatewayKind
  /** Turns rules on or off by name: `{ 'record-per-packet': false }`. @defaultValue those of its kind */
  rules?: RuleChoice
  /** More names by which clients reach it than `localhost`, `127.0.0.1` and those in its certificate: an alias, a tunnel. */
  hosts?: readonly string[]
  /** Redirects each login to other listeners. @defaultValue no redirect; `fabric`: to `host\instance` */
  redirect?: RedirectOptions
  /** Optional parts of the answer to a login. */
  loginAnswer?: LoginAnswerOptions
  /** What FEDAUTHINFO says. @defaultValue STS: the issuer; SPN: `https://database.windows.net/` */
  fedAuthInfo?: Partial<FedAuthInfo>
  /** A key and a certificate chain, as PEM. @defaultValue created at start, for `localhost` and `127.0.0.1` */
  tls?: { key: string; certificate: string; ca?: string }
  /** Ends a session with error 37396 at its first request after its token's expiry. @defaultValue true */
  enforceExpiry?: boolean
  /** How long each byte takes in each direction, in ms. @defaultValue 0 */
  linkDelay?: number
  /** How long a login may take before its connection is closed, in ms. @defaultValue 15_000 */
  loginTimeout?: number
  /** @defaultValue a free one */
  port?: number
  /** Called with each login that was accepted or refused. Must not throw. */
  onEvent?: (event: GatewayEvent) => void
  /** The clock that decides whether a token has expired. @defaultValue the machine's clock */
  clock?: Clock
}

/** Which connections `gateway.dropSessions` destroys, and how. */
export interface DropOptions {
  /**
   * Only sessions that have been idle for this long, in ms: Azure's gateway drops them after 30 min.
   *
   * @defaultValue 0: all, and connections that are logging in
   */
  idleFor?: number
  /** `end`: the socket is closed cleanly; `reset`: by a TCP reset. @defaultValue `end` */
  how?: 'end' | 'reset'
}

/** A started gateway. */
interface RunningGateway {
  servers: readonly Server[]
  /** Of the server that clients dial. */
  port: number
  workers: readonly Routing[]
  settings: GatewaySettings
  connections: Set<GatewayConnection>
  ca: string
}

/**
 * A TDS endpoint on 127.0.0.1 that takes Entra logins as Azure SQL does, and logs in on the SQL Server behind it with
 * SQL authentication. TDS 7.4 and TDS 8.0 (`encrypt: 'strict'`) at one port.
 */
export class Gateway {
  readonly host = '127.0.0.1'
  readonly port: number
  /** Where logins are led, in their order; the port is one on 127.0.0.1. */
  readonly workers: readonly Routing[]
  /** The certificate authority that its certificate is signed by, as PEM: what clients verify it with. */
  readonly ca: string
  readonly #servers: readonly Server[]
  readonly #settings: GatewaySettings
  readonly #connections: Set<GatewayConnection>

  /** Use {@link startGateway}. */
  constructor({ servers, port, workers, settings, connections, ca }: RunningGateway) {
    this.#servers = servers
    this.#settings = settings
    this.#connections = connections
    this.port = port
    this.workers = workers
    this.ca = ca
  }

  stats(): GatewayStats {
    return this.#settings.statistics.snapshot()
  }

  resetStats(): void {
    this.#settings.statistics.reset()
  }

  /** Makes something go wrong; the oldest fault that fits a stage is the one that happens. */
  inject(fault: GatewayFault): InjectedFault {
    return this.#settings.faults.inject(fault)
  }

  clearFaults(): void {
    this.#settings.faults.clear()
  }

  /** How long each byte takes in each direction, in ms; holds for connections made from now on. */
  set linkDelay(delay: number) {
    this.#settings.linkDelay = delay
  }

  /** Destroys the sockets of all connections, or of those that are idle, as a network does that fails. */
  dropSessions({ idleFor = 0, how = 'end' }: DropOptions = {}): void {
    for (const connection of [...this.#connections]) if (connection.idleFor >= idleFor) connection.close(how)
  }

  /** Takes no more connections, and destroys those that there are. */
  async close(): Promise<void> {
    const closed = this.#servers.map((server) => once(server, 'close'))
    for (const server of this.#servers) server.close()
    this.dropSessions()
    await Promise.all(closed)
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close()
  }
}

/**
 * Starts a gateway.
 *
 * @throws EntraError `CONFIG_INVALID` for an upstream without a SQL login, `DEPENDENCY_MISSING` without `jose`
 */
export async function startGateway(options: GatewayOptions): Promise<Gateway> {
  const { kind = 'azure', clock = systemClock, hosts = [] } = options
  const upstream = typeof options.upstream === 'string' ? upstreamOf(options.upstream) : options.upstream
  const authority = await createCertificateAuthority()
  const tls = options.tls ?? (await authority.issue({ hosts: OWN_HOSTS }))
  const { issuer } = options.verification
  const settings: GatewaySettings = {
    checkToken: await createTokenCheck(options.verification, clock),
    upstreamFor: (token) => ({ ...upstream, ...loginOf(token, options.principals) }),
    fedAuthInfo: {
      stsUrl: options.fedAuthInfo?.stsUrl ?? (typeof issuer === 'string' ? issuer : (issuer[0] ?? '')),
      spn: options.fedAuthInfo?.spn ?? 'https://database.windows.net/',
    },
    enforceExpiry: options.enforceExpiry ?? true,
    linkDelay: options.linkDelay ?? 0,
    loginTimeout: options.loginTimeout ?? 15_000,
    clock,
    faults: new FaultList<GatewayFault>(),
    statistics: new GatewayStatistics(),
    kind,
    rules: rulesOf(kind, options.rules),
    redirect: options.redirect ?? {},
    loginAnswer: options.loginAnswer ?? {},
    onEvent: options.onEvent,
  }
  const connections = new Set<GatewayConnection>()
  const listen = (listener: Listener, port = 0) => listenAs(listener, port, settings, connections)
  const servers: Server[] = []
  const workers: Routing[] = []
  for (const name of workersOf(kind, options.redirect).toReversed()) {
    const certified = await authority.issue({ hosts: [hostIn(name)] })
    const server = await listen({ ...certified, isCalled: routedAs(name), isWorker: true, next: workers[0] })
    servers.push(server)
    workers.unshift({ host: name, port: portOf(server) })
  }
  const isCalled = dialledAs([...OWN_HOSTS, ...hosts], tls.certificate)
  const front = await listen({ ...tls, isCalled, isWorker: false, next: workers[0] }, options.port)
  const ca = options.tls === undefined ? '' : (options.tls.ca ?? options.tls.certificate)
  const authorities = options.tls === undefined || workers.length > 0 ? [ca, authority.certificate] : [ca]
  return new Gateway({
    servers: [front, ...servers],
    port: portOf(front),
    workers,
    settings,
    connections,
    ca: authorities.join(''),
  })
}

/** Names by which anybody reaches a server on this machine. */
const OWN_HOSTS = ['localhost', '127.0.0.1']

async function listenAs(
  listener: Listener,
  port: number,
  settings: GatewaySettings,
  connections: Set<GatewayConnection>,
): Promise<Server> {
  const server = createServer({ noDelay: true }, (socket: Socket) => {
    const connection = new GatewayConnection(socket, listener, settings)
    connections.add(connection)
    settings.statistics.connected()
    void connection.serve().finally(() => connections.delete(connection))
  })
  server.listen(port, '127.0.0.1')
  await once(server, 'listening')
  return server
}

function portOf(server: Server): number {
  return (server.address() as AddressInfo).port
}

function loginOf(token: VerifiedToken, principals: GatewayOptions['principals']): Partial<PrincipalLogin> {
  if (principals === undefined) return {}
  for (const name of [token.objectId, token.applicationId, token.userPrincipalName]) {
    const login = name === undefined ? undefined : principals[name]
    if (login !== undefined) return login
  }
  throw tokenRefused()
}
