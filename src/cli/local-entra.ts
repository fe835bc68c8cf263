import type { config as MssqlConfig } from 'mssql'
import { DEFAULT_PORT } from '../config/address.ts'
import { isAzureHost } from '../credentials/clouds.ts'
import { EntraError } from '../errors/entra-error.ts'
import { ORDINARY_LOGIN } from '../login/fed-auth-info.ts'
import { startAuthority } from '../testing/authority/authority.ts'
import type { AuthorityEvent } from '../testing/authority/events.ts'
import type { InjectedFault } from '../testing/fault-list.ts'
import type { LoginError } from '../testing/gateway/azure-errors.ts'
import type { GatewayEvent } from '../testing/gateway/events.ts'
import { type Gateway, startGateway } from '../testing/gateway/gateway.ts'
import { logInUpstream, upstreamOf } from '../testing/gateway/upstream.ts'
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

/** What {@link startLocalEntra} has started. */
export type LocalEntra = Awaited<ReturnType<typeof startLocalEntra>>

/**
 * Starts an authority, and a gateway that accepts its tokens, in front of your own SQL Server. All on 127.0.0.1.
 *
 * @throws EntraError `CONFIG_INVALID`, `CONFIG_CREDENTIALS`; the system's error if the port is taken
 */
export async function startLocalEntra(options: LocalEntraOptions) {
  const { port, tokenLifetime, onEvent, onFaultEnd } = options
  const upstream = upstreamOf(options.config)
  const server = `${upstream.host}:${upstream.port ?? DEFAULT_PORT}`
  if (isAzureHost(upstream.host)) throw new EntraError('CONFIG_CREDENTIALS', NOT_FOR_AZURE)
  const ca = await createCertificateAuthority({ name: 'prisma-mssql-entra dev' })
  const authority = await startAuthority({ tokenLifetime, onEvent, certificateAuthority: ca })
  const expired = new Set<string>()
  let gateway: Gateway
  try {
    gateway = await startGateway({
      upstream,
      verification: { ...authority.verification, isExpired: (token) => expired.has(token) },
      tls: { ...(await ca.issue({ hosts: HOSTS })), ca: ca.certificate },
      port,
      onEvent,
    })
  } catch (error) {
    await authority.close()
    throw error
  }
  // Both servers' certificates are of the same authority. The file is removed when the authority is closed.
  const { NODE_EXTRA_CA_CERTS: caFile = '' } = authority.environment('client-secret')
  const environment: Readonly<Record<string, string>> = {
    DATABASE_URL: [
      `sqlserver://localhost:${gateway.port}`,
      ...(upstream.database === undefined ? [] : [`database={${upstream.database.replaceAll('}', '}}')}}`]),
      'authentication=ActiveDirectoryManagedIdentity',
      `trustServerCertificateCA={${caFile}}`,
    ].join(';'),
    ...authority.environment('app-service'),
    NODE_EXTRA_CA_CERTS: caFile,
  }
  let down: InjectedFault | undefined
  let pause: { fault: InjectedFault; timer: Timer } | undefined

  const beginPause = () => {
    const fault = gateway.inject({ at: 'login', action: { refuse: { number: 40613 } } })
    pause = { fault, timer: systemClock.setTimer(PAUSE, () => onFaultEnd(endPause())) }
    gateway.dropSessions()
    return `The database is paused for ${PAUSE / 1000} s (40613), and its sessions were cut. p resumes it now.`
  }
  const endPause = () => {
    pause?.timer.cancel()
    pause?.fault.clear()
    pause = undefined
    return 'The database is available again.'
  }
  const toggleTokenEndpoint = () => {
    if (down === undefined) {
      down = authority.inject({ status: 503 })
      return 'The token endpoint is down (503). t brings it back.'
    }
    down.clear()
    down = undefined
    return 'The token endpoint is back.'
  }
  return {
    /** The SQL Server behind the gateway, as `host:port`. */
    server,
    /** What makes an application connect through the gateway, and `@azure/identity` sign in to the authority. */
    environment,
    /** The certificate of the authority that both servers' certificates are signed by. */
    caFile,

    /** The name of a token's principal. */
    nameOf: (objectId: string | undefined) =>
      authority.principals.find((each) => each.objectId === objectId)?.name ?? 'somebody',

    /** Why no login works, as the server behind the gateway says it; undefined if they do. */
    async whyNot(): Promise<string | undefined> {
      try {
        const { stream } = await logInUpstream(upstream, ORDINARY_LOGIN, AbortSignal.timeout(15_000))
        stream.destroy()
        return undefined
      } catch (error) {
        const { message, number } = error as LoginError
        return `${message} (error ${number}, from ${server})`
      }
    },

    /** Injects the fault of a key. @returns what happened; undefined for a key without one */
    press(key: string): string | undefined {
      switch (key) {
        case 'f':
          gateway.inject({ at: 'login', action: { refuse: { number: 18456 } }, times: 1 })
          return 'The next login is refused (18456).'
        case 'p':
          return pause === undefined ? beginPause() : endPause()
        case 't':
          return toggleTokenEndpoint()
        case 'e':
          for (const token of authority.issuedTokens) expired.add(token)
          gateway.dropSessions()
          return 'All tokens have expired, and all sessions were cut.'
        default:
          return undefined
      }
    },

    async close(): Promise<void> {
      pause?.timer.cancel()
      await Promise.all([gateway.close(), authority.close()])
    },
  }
}

const NOT_FOR_AZURE =
  'dev is for a SQL Server that takes no tokens, such as a container. Azure takes them itself: connect to it directly.'
