import { isIP } from 'node:net'
import { type ConnectionOptions, connect } from 'node:tls'
import { EntraError, textOf } from '../errors/entra-error.ts'
import type { Finding } from './steps.ts'

type Environment = Readonly<Record<string, string | undefined>>

/** Where Azure's managed identities of a machine answer. */
const IMDS = '169.254.169.254'

/**
 * What the environment says of an HTTP proxy for token requests, read as `@azure/identity` reads it: `HTTPS_PROXY`, else
 * `ALL_PROXY`, else `HTTP_PROXY`; a name in `NO_PROXY` is one host, or with a dot before it all hosts under it. The
 * connection to the database never uses it.
 */
export function checkHttpProxy(environment: Environment): Finding<true> {
  const variable = (name: string) => environment[name] || environment[name.toLowerCase()]
  const name = ['HTTPS_PROXY', 'ALL_PROXY', 'HTTP_PROXY'].find((each) => variable(each) !== undefined)
  if (name === undefined) return { value: true, summary: 'none for token requests' }
  // It may hold a user and a password.
  const url = parsed(variable(name) ?? '')
  const exceptions = (variable('NO_PROXY') ?? '').split(',').flatMap((each) => each.trim() || [])
  const useless = exceptions.filter((each) => /[*/]/.test(each))
  const warnings = [
    ...(url?.hostname ? [] : [`${name} is not a URL such as http://proxy.example:8080: token requests fail.`]),
    ...(exceptions.includes(IMDS)
      ? []
      : [
          `NO_PROXY does not name ${IMDS}: a managed identity of this machine would be asked through the proxy. Add it.`,
        ]),
    ...(useless.length === 0
      ? []
      : [`NO_PROXY takes hosts and .domains here: ${useless.join(', ')} has no effect on token requests.`]),
  ]
  const proxy = url?.hostname ? url.host : undefined
  return {
    value: true,
    summary: `token requests go through ${proxy ?? 'an invalid URL'} (${name})`,
    details: { proxy, variable: name, noProxy: exceptions },
    warnings,
  }
}

/** `URL.parse` is not in Node 20. */
function parsed(url: string): URL | undefined {
  return URL.canParse(url) ? new URL(url) : undefined
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
  if (url === undefined) return error
  const code = await certificateProblem(url, signal, tls)
  if (code === undefined) return error
  const text =
    `${textOf(error)}\nThe certificate that answers for ${url.hostname} is not trusted here (${code}): something on the ` +
    'way, such as a proxy, inspects TLS. Put its certificate authority into a PEM file, and name that file by ' +
    'NODE_EXTRA_CA_CERTS before Node starts.'
  return new EntraError(error.code, text, { cause: error })
}

/** The code of a certificate that is not trusted; undefined if it is, or if nothing answers. */
function certificateProblem(url: URL, signal: AbortSignal, tls: ConnectionOptions): Promise<string | undefined> {
  const within = AbortSignal.any([signal, AbortSignal.timeout(TLS_TIMEOUT)])
  return new Promise((resolve) => {
    const port = Number(url.port || 443)
    const options = {
      ...tls,
      host: url.hostname,
      port,
      servername: isIP(url.hostname) === 0 ? url.hostname : '',
      rejectUnauthorized: false,
    }
    const socket = connect(options, () => {
      const problem: unknown = socket.authorized ? undefined : socket.authorizationError
      finish(problem === undefined ? undefined : String((problem as { code?: unknown })?.code ?? problem))
    })
    const finish = (code?: string) => {
      within.removeEventListener('abort', stop)
      socket.destroy()
      resolve(code)
    }
    const stop = () => finish()
    socket.on('error', stop)
    within.addEventListener('abort', stop, { once: true })
    if (within.aborted) stop()
  })
}
