import { hostname } from 'node:os'
import { EntraError } from '../errors/entra-error.ts'
import { encodeFedAuthRequest, Feature, FedAuthLibrary } from '../tds/features.ts'
import type { LoginToken } from '../tds/login-response.ts'
import { CLIENT_ID, type Login7, TdsVersion } from '../tds/login7.ts'
import type { Clock } from '../time/clock.ts'
import { beginLogin, connectToServer, type ServerConnection } from './client-login.ts'
import { withinConnectTimeout } from './connect.ts'
import { followRedirects, type Target } from './target.ts'

/** What drivers ask for in a login, and nothing unusual. */
export const ORDINARY_LOGIN: Login7 = {
  tdsVersion: TdsVersion.TDS_7_4,
  packetSize: 4096,
  clientProgramVersion: 0,
  clientProcessId: process.pid,
  connectionId: 0,
  // The login fails if the database or the language does not exist (MS-TDS 2.2.6.4).
  flags: [0xe0, 0x03, 0, 0x08],
  timeZone: 0,
  lcid: 0x0409,
  hostName: hostname(),
  userName: '',
  password: '',
  applicationName: 'prisma-adapter-mssql-entra',
  serverName: '',
  libraryName: 'prisma-adapter-mssql-entra',
  language: '',
  database: '',
  clientId: CLIENT_ID,
  sspi: Buffer.alloc(0),
  attachDatabaseFile: '',
  changePassword: '',
  features: [],
}

/** MS-TDS 2.2.6.4: the server says where tokens come from in any workflow. */
const WORKFLOW_INTEGRATED = 0x02

/**
 * Begins a login as a client that has no token yet, and hangs up. A server that accepts Entra logins says where to get a
 * token (FEDAUTHINFO). Redirects are followed.
 *
 * @param connection - to the target, if there is one already
 * @returns what the last server said, and which one that was
 */
export function beginWithoutToken(
  target: Target,
  signal: AbortSignal,
  connection?: ServerConnection,
): Promise<{ tokens: LoginToken[]; server: Target }> {
  return followRedirects<{ tokens: LoginToken[]; server: Target }>(target, async (server) => {
    const ready = server === target ? connection : undefined
    const { socket, stream, prelogin } = ready ?? (await connectToServer(server, { signal, fedAuth: true }))
    const cut = () => socket.destroy(signal.reason)
    signal.addEventListener('abort', cut)
    try {
      const echo = prelogin.fedAuthRequired ?? false
      const data = encodeFedAuthRequest({ library: FedAuthLibrary.ADAL, echo, workflow: WORKFLOW_INTEGRATED })
      const { tokens } = await beginLogin(stream, {
        ...ORDINARY_LOGIN,
        serverName: server.loginName ?? server.host,
        database: server.database ?? '',
        features: [{ id: Feature.FEDAUTH, data }],
      })
      return tokens.find((token) => token.kind === 'routing') ?? { tokens, server }
    } finally {
      signal.removeEventListener('abort', cut)
      socket.destroy()
    }
  })
}

const GUID = /[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}/i

/** The tenant in the URL by which a server says where tokens come from; undefined if it names none. */
export function tenantOfSts(stsUrl: string): string | undefined {
  return GUID.exec(stsUrl)?.[0].toLowerCase()
}

const tenants = new Map<string, Promise<string>>()

/**
 * The tenant whose tokens a server takes. Asks each server once in the life of the process.
 *
 * @throws EntraError `CONFIG_INVALID` if it does not say; as the adapter does if it cannot be reached
 */
export function tenantOfServer(target: Target, clock: Clock): Promise<string> {
  const server = `${target.host}:${target.port}`
  const known = tenants.get(server)
  if (known !== undefined) return known
  const asked = askTenant(target, clock)
  tenants.set(server, asked)
  // The next request asks again.
  asked.catch(() => tenants.delete(server))
  return asked
}

/** Where a config sets no limit, in ms. */
const LONGEST = 60_000

async function askTenant(target: Target, clock: Clock): Promise<string> {
  const within = { ...target, connectTimeout: target.connectTimeout || LONGEST }
  const { signal } = new AbortController()
  const { tokens } = await withinConnectTimeout(within, { reached: false }, { clock, signal }, (soon) =>
    beginWithoutToken(target, soon),
  )
  const tenant = tenantOfSts(tokens.find((token) => token.kind === 'fedAuthInfo')?.info.stsUrl ?? '')
  if (tenant !== undefined) return tenant
  throw new EntraError(
    'CONFIG_INVALID',
    `Nothing names the tenant to sign in to: neither tenantId nor AZURE_TENANT_ID is set, and ${target.host} does not say ` +
      'which tenant its tokens come from. Set tenantId.',
  )
}
