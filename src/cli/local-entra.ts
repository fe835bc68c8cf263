import type { config as MssqlConfig } from 'mssql'
import { DEFAULT_PORT } from '../config/address.ts'
import { isAzureHost } from '../credentials/clouds.ts'
import { EntraError } from '../errors/entra-error.ts'
import { ORDINARY_LOGIN } from '../login/fed-auth-info.ts'
import { type Authority, startAuthority } from '../testing/authority/authority.ts'
import type { AuthorityEvent } from '../testing/authority/events.ts'
import type { InjectedFault } from '../testing/fault-list.ts'
import type { LoginError } from '../testing/gateway/azure-errors.ts'
import type { GatewayEvent } from '../testing/gateway/events.ts'
import { type Gateway, startGateway } from '../testing/gateway/gateway.ts'
import { logInUpstream, type Upstream, upstreamOf } from '../testing/gateway/upstream.ts'
import { systemClock, type Timer } from '../time/clock.ts'
import { createCertificateAuthority } from '../x509/certificates.ts'

/** How long the database is paused, in ms. */
const PAUSE = 20_000

const HOSTS = ['localhost', '127.0.0.1']

export interface LocalEntraOptions {
  /** The SQL Server behind the gateway, with a user and a password. */
  config: MssqlConfig | string
  /** The gateway's. */
  port: number
  /** In ms. */
  tokenLifetime: number
  onEvent: (event: AuthorityEvent | GatewayEvent) => void
  /** Called when a fault ends by itself, with a line that says so. */
  onFaultEnd: (text: string) => void
}

/** An authority, and a gateway that accepts its tokens, in front of your own SQL Server. All on 127.0.0.1. */
export class LocalEntra {
  readonly upstream: Upstream
  /** What makes an application connect through the gateway, and `@azure/identity` sign in to the authority. */
  readonly environment: Readonly<Record<string, string>>
  /** The certificate of the authority that both servers' certificates are signed by. */
  readonly caFile: string
  readonly #authority: Authority
  readonly #gateway: Gateway
  readonly #expired: Set<string>
  readonly #onFaultEnd: (text: string) => void
  #down: InjectedFault | undefined
  #pause: { fault: InjectedFault; timer: Timer } | undefined

  /**
   * @throws EntraError `CONFIG_INVALID`, `CONFIG_CREDENTIALS`; the system's error if the port is taken
   */
  static async start(options: LocalEntraOptions): Promise<LocalEntra> {
    const { port, tokenLifetime, onEvent } = options
    const upstream = upstreamOf(options.config)
    if (isAzureHost(upstream.host)) throw new EntraError('CONFIG_CREDENTIALS', NOT_FOR_AZURE)
    const ca = await createCertificateAuthority({ name: 'prisma-mssql-entra dev' })
    const authority = await startAuthority({ tokenLifetime, onEvent, certificateAuthority: ca })
    const expired = new Set<string>()
    try {
      const gateway = await startGateway({
        upstream,
        verification: { ...authority.verification, isExpired: (token) => expired.has(token) },
        tls: { ...(await ca.issue({ hosts: HOSTS })), ca: ca.certificate },
        port,
        onEvent,
      })
      return new LocalEntra(upstream, authority, gateway, expired, options.onFaultEnd)
    } catch (error) {
      await authority.close()
      throw error
    }
  }

  private constructor(
    upstream: Upstream,
    authority: Authority,
    gateway: Gateway,
    expired: Set<string>,
    onFaultEnd: (text: string) => void,
  ) {
    // Both servers' certificates are of the same authority. The file is removed when the authority is closed.
    const { NODE_EXTRA_CA_CERTS: file = '' } = authority.environment('client-secret')
    this.upstream = upstream
    this.#authority = authority
    this.#gateway = gateway
    this.#expired = expired
    this.#onFaultEnd = onFaultEnd
    this.caFile = file
    this.environment = {
      DATABASE_URL: [
        `sqlserver://localhost:${gateway.port}`,
        ...(upstream.database === undefined ? [] : [`database={${upstream.database.replaceAll('}', '}}')}}`]),
        'authentication=ActiveDirectoryManagedIdentity',
        `trustServerCertificateCA={${file}}`,
      ].join(';'),
      ...authority.environment('app-service'),
      NODE_EXTRA_CA_CERTS: file,
    }
  }

  /** The name of a token's principal. */
  nameOf(objectId: string | undefined): string {
    return this.#authority.principals.find((each) => each.objectId === objectId)?.name ?? 'somebody'
  }

  /** Why no login works, as the server behind the gateway says it; undefined if they do. */
  async whyNot(): Promise<string | undefined> {
    try {
      const { stream } = await logInUpstream(this.upstream, ORDINARY_LOGIN, AbortSignal.timeout(15_000))
      stream.destroy()
      return undefined
    } catch (error) {
      const { message, number } = error as LoginError
      const { host, port = DEFAULT_PORT } = this.upstream
      return `${message} (error ${number}, from ${host}:${port})`
    }
  }

  /** Injects the fault of a key. @returns what happened; undefined for a key without one */
  press(key: string): string | undefined {
    switch (key) {
      case 'f':
        this.#gateway.inject({ at: 'login', action: { refuse: { number: 18456 } }, times: 1 })
        return 'The next login is refused (18456).'
      case 'p':
        return this.#pause === undefined ? this.#beginPause() : this.#endPause()
      case 't':
        return this.#toggleTokenEndpoint()
      case 'e':
        for (const token of this.#authority.issuedTokens) this.#expired.add(token)
        this.#gateway.dropSessions()
        return 'All tokens have expired, and all sessions were cut.'
      default:
        return undefined
    }
  }

  #beginPause(): string {
    const fault = this.#gateway.inject({ at: 'login', action: { refuse: { number: 40613 } } })
    const timer = systemClock.setTimer(PAUSE, () => this.#onFaultEnd(this.#endPause()))
    this.#pause = { fault, timer }
    this.#gateway.dropSessions()
    return `The database is paused for ${PAUSE / 1000} s (40613), and its sessions were cut. p resumes it now.`
  }

  #endPause(): string {
    this.#pause?.timer.cancel()
    this.#pause?.fault.clear()
    this.#pause = undefined
    return 'The database is available again.'
  }

  #toggleTokenEndpoint(): string {
    if (this.#down === undefined) {
      this.#down = this.#authority.inject({ status: 503 })
      return 'The token endpoint is down (503). t brings it back.'
    }
    this.#down.clear()
    this.#down = undefined
    return 'The token endpoint is back.'
  }

  async close(): Promise<void> {
    this.#pause?.timer.cancel()
    await Promise.all([this.#gateway.close(), this.#authority.close()])
  }
}

const NOT_FOR_AZURE =
  'dev is for a SQL Server that takes no tokens, such as a container. Azure takes them itself: connect to it directly.'
