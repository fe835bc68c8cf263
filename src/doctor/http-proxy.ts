import { once } from 'node:events'
import { isIP } from 'node:net'
import { type ConnectionOptions, connect } from 'node:tls'
import { cloudOf } from '../credentials/clouds.ts'
import type { IdentityOptions } from '../credentials/methods.ts'
import { EntraError, textOf } from '../errors/entra-error.ts'
import type { Finding } from './steps.ts'

type Environment = Readonly<Record<string, string | undefined>>
type ProxyOptions = IdentityOptions['proxyOptions']

/** Where Azure's managed identities of a machine answer. */
const IMDS = '169.254.169.254'

/**
 * Which HTTP proxy token requests go through, as `@azure/identity` has it: `proxyOptions`, else `HTTPS_PROXY`, else
 * `ALL_PROXY`, else `HTTP_PROXY`; a name in `NO_PROXY` is one host, or with a dot before it all hosts under it. The
 * connection to the database never uses it.
 */
export function checkHttpProxy(environment: Environment, options?: ProxyOptions): Finding<true> {
  const variable = (name: string) => environment[name] || environment[name.toLowerCase()]
  const name = ['HTTPS_PROXY', 'ALL_PROXY', 'HTTP_PROXY'].find((each) => variable(each) !== undefined)
  if (options === undefined && name === undefined) return { value: true, summary: 'none for token requests' }
  const from = options === undefined ? name : 'credentialOptions.proxyOptions'
  // It may hold a user and a password.
  const url = parsed(options === undefined ? variable(name ?? '') : options.host)
  const proxy = url?.hostname ? (options === undefined ? url.host : `${url.hostname}:${options.port}`) : undefined
  const noProxy = (variable('NO_PROXY') ?? '').split(',').flatMap((each) => each.trim() || [])
  const useless = noProxy.filter((each) => /[*/]/.test(each))
  const warnings: string[] = []
  if (proxy === undefined) {
    warnings.push(`${from} holds no URL such as http://proxy.example:8080, so token requests fail.`)
  }
  if (!noProxy.includes(IMDS)) {
    warnings.push(
      `NO_PROXY lacks ${IMDS}, so a request for a managed identity of this machine would go through the proxy. Add it.`,
    )
  }
  if (useless.length > 0) {
    warnings.push(
      `In NO_PROXY, ${useless.join(', ')} has no effect on token requests. Write host names, addresses and .domains.`,
    )
  }
  const summary = `token requests go through ${proxy ?? 'an invalid URL'} (${from})`
  return { value: true, summary, details: { proxy, from, noProxy }, warnings }
}

/** `URL.parse` is not in Node 20. */
function parsed(url = ''): URL | undefined {
  return URL.canParse(url) ? new URL(url) : undefined
}

/** The URL of the Entra ID that gives tokens for a server. */
export function authorityOf(server: string, options: IdentityOptions | undefined): string {
  return options?.authorityHost ?? process.env.AZURE_AUTHORITY_HOST ?? cloudOf(server).authorityHost
}

/** How long Entra ID's certificate is waited for, in ms. */
const TLS_TIMEOUT = 5_000

/** MSAL's errors for an Entra ID that cannot be reached; they do not say why. */
const NOT_REACHED = /endpoints_resolution_error|openid_config_error|network_error/

/**
 * Finds out whether TLS to Entra ID is inspected on the way, if a token request failed as it then does. MSAL hides the
 * reason.
 *
 * @param authority - a URL of Entra ID
 * @returns the error, with the cause if it was found
 */
export async function explainUnreachable(
  error: unknown,
  authority: string,
  signal: AbortSignal,
  tls: ConnectionOptions = {},
): Promise<unknown> {
  if (!(error instanceof EntraError) || !NOT_REACHED.test(error.message)) return error
  const url = parsed(authority)
  const code = url && (await certificateProblem(url, signal, tls))
  if (code === undefined) return error
  const text =
    `${textOf(error)}\nThis machine does not trust the certificate that answers for ${url?.hostname} (${code}): something ` +
    'on the way, such as a proxy, inspects TLS. Put its certificate authority into a PEM file, and set ' +
    'NODE_EXTRA_CA_CERTS to that file before Node starts.'
  return new EntraError(error.code, text, { cause: error })
}

/** The code of a certificate that is not trusted; undefined if it is, or if nothing answers. */
async function certificateProblem(
  { hostname: host, port }: URL,
  signal: AbortSignal,
  tls: ConnectionOptions,
): Promise<string | undefined> {
  const servername = isIP(host) === 0 ? host : ''
  const socket = connect({ ...tls, host, port: Number(port || 443), servername, rejectUnauthorized: false })
  try {
    await once(socket, 'secureConnect', { signal: AbortSignal.any([signal, AbortSignal.timeout(TLS_TIMEOUT)]) })
    const problem: unknown = socket.authorized ? undefined : socket.authorizationError
    return problem === undefined ? undefined : String((problem as { code?: unknown })?.code ?? problem)
  } catch {
    return undefined
  } finally {
    socket.on('error', () => {})
    socket.destroy()
  }
}
