import { causesOf } from '../errors/causes.ts'
import { EntraError, type EntraErrorCode, type EntraErrorDetails, reasonOf } from '../errors/entra-error.ts'

/** What a failure means, as far as is known. */
export interface Explanation {
  code: EntraErrorCode
  /** What the error underneath leaves out; may be empty. */
  why: string
  remedy: string
}

/** What failed, why, and what to do, each on its own line. Other messages quote the first. */
export function explainedError(what: string, { code, why, remedy }: Explanation, details: EntraErrorDetails) {
  return new EntraError(code, [what, why, remedy].filter((line) => line !== '').join('\n'), details)
}

const PORTS =
  'Azure also redirects to ports 11000 to 11999: allow outbound connections to them too, or set the connection ' +
  'policy of the server to Proxy. TDS does not work through HTTP proxies.'

/** By the code of the system's error, or of the driver's. */
const NETWORK_FAILURES: readonly (Explanation & { codes: readonly unknown[] })[] = [
  {
    codes: ['ENOTFOUND', 'ENODATA'],
    code: 'SERVER_NOT_FOUND',
    why: 'DNS has no entry for that name.',
    remedy:
      'Check the host name of the server. If it has a private endpoint, link its private DNS zone to this network.',
  },
  {
    codes: ['EAI_AGAIN'],
    code: 'SERVER_NOT_FOUND',
    why: 'DNS did not answer.',
    remedy: 'Check the network and the DNS server of this machine, and the host name of the server.',
  },
  {
    codes: ['ECONNREFUSED'],
    code: 'SERVER_UNREACHABLE',
    why: 'Nothing listens at that address and port.',
    remedy:
      'Check the host and port (Azure SQL: 1433), that the server is running, and that it accepts TCP connections. If it ' +
      'starts together with your application (docker compose), set rotation.connectRetryTimeout: then the first connect ' +
      'waits for it.',
  },
  {
    codes: ['EHOSTUNREACH', 'ENETUNREACH', 'ENETDOWN', 'EHOSTDOWN', 'EADDRNOTAVAIL'],
    code: 'SERVER_UNREACHABLE',
    why: 'This machine has no route to that address.',
    remedy: 'Check the network, VPN and routes of this machine, and whether the server only has a private endpoint.',
  },
  {
    codes: ['ETIMEDOUT', 'ETIMEOUT'],
    code: 'SERVER_UNREACHABLE',
    why: 'Nothing answered in time: something on the way drops the packets, or the address is wrong.',
    remedy: `Check the host and port, and that outbound TCP connections to port 1433 are allowed. ${PORTS}`,
  },
  {
    codes: ['EINSTLOOKUP'],
    code: 'SERVER_UNREACHABLE',
    why: 'SQL Server Browser (UDP 1434) did not report the port of the named instance.',
    remedy: 'Start SQL Server Browser and open UDP 1434, or specify the port instead of the instance.',
  },
]

const LOGIN_TIMEOUT: Explanation = {
  code: 'LOGIN_TIMEOUT',
  why: 'The server was reached, but did not accept the login in time.',
  remedy:
    'A database that is waking up or busy takes longer. Try again with a longer connectTimeout (Microsoft recommends ' +
    `30000 ms). ${PORTS}`,
}

const UNKNOWN: Explanation = {
  code: 'CONNECT_FAILED',
  why: '',
  remedy: 'This usually clears up by itself. If it does not, check what answers at that host and port.',
}

/**
 * The error for a connection to the server that could not be opened.
 *
 * @param reached - whether there was a connection, and only the login was not answered in time
 */
export function connectFailed(cause: Error, reached: boolean): EntraError {
  const tls = explainTlsFailure(cause)
  if (tls !== undefined) return tls
  const reason = reasonOf(cause).replace(/[\s.-]+$/, '')
  const code = networkCode(cause)
  const timedOut = reached && code === 'ETIMEOUT' && !reason.includes('(redirected from ')
  const explanation = timedOut ? LOGIN_TIMEOUT : (NETWORK_FAILURES.find(({ codes }) => codes.includes(code)) ?? UNKNOWN)
  return explainedError(`No connection to the server could be opened: ${reason}.`, explanation, { cause })
}

/** The innermost code: the system's own, if there is one. */
function networkCode(error: Error): unknown {
  let found: unknown
  for (const link of causesOf(error)) found = (link as { code?: unknown }).code ?? found
  return found
}

/** Each check of a certificate, by Node's (OpenSSL's) code: what is wrong, and what to do. */
const CERTIFICATE_CHECKS: readonly (readonly [codes: readonly unknown[], why: string, remedy: string])[] = [
  [
    ['ERR_TLS_CERT_ALTNAME_INVALID', 'HOSTNAME_MISMATCH'],
    'it is for another host name',
    'Connect by the name in the certificate.',
  ],
  [
    ['CERT_HAS_EXPIRED'],
    'it has expired',
    'Renew the certificate; if it is still valid, check the clock of this machine.',
  ],
  [['CERT_NOT_YET_VALID'], 'it is not valid yet', 'Check the clock of this machine.'],
  [
    [
      'DEPTH_ZERO_SELF_SIGNED_CERT',
      'SELF_SIGNED_CERT_IN_CHAIN',
      'UNABLE_TO_GET_ISSUER_CERT',
      'UNABLE_TO_GET_ISSUER_CERT_LOCALLY',
      'UNABLE_TO_VERIFY_LEAF_SIGNATURE',
      'CERT_UNTRUSTED',
    ],
    'no certificate authority that this machine trusts has signed it',
    "Set trustServerCertificateCA=… in the connection string to its authority's file, or use " +
      'options.cryptoCredentialsDetails.ca or NODE_EXTRA_CA_CERTS. ' +
      'trustServerCertificate=true accepts any certificate, and so any server (not with encrypt=strict).',
  ],
  [['CERT_REVOKED'], 'it was revoked', 'Install a new certificate on the server.'],
]

/** OpenSSL's codes for two sides that share no version of TLS, or no cipher. */
const NOTHING_IN_COMMON: readonly unknown[] = [
  'ERR_SSL_UNSUPPORTED_PROTOCOL',
  'ERR_SSL_NO_PROTOCOLS_AVAILABLE',
  'ERR_SSL_TLSV1_ALERT_PROTOCOL_VERSION',
  'ERR_SSL_NO_SHARED_CIPHER',
  'ERR_SSL_SSLV3_ALERT_HANDSHAKE_FAILURE',
]

/** tedious's code for a server that insists on encryption when `encrypt` is false. */
const ENCRYPTION_REQUIRED = 'EENCRYPT'

/**
 * What a failed TLS handshake means; undefined if the error is something else.
 *
 * @param error - what TLS threw, or an error that holds it as its cause
 */
function explainTlsFailure(error: unknown): EntraError | undefined {
  for (const link of causesOf(error)) {
    const { code } = link as { code?: unknown }
    if (code === ENCRYPTION_REQUIRED) return encryptionRequired(error)
    if (NOTHING_IN_COMMON.includes(code)) {
      return new EntraError(
        'TLS_FAILED',
        `The server and this machine have no TLS version or no cipher in common (${String(code)}). The token was not sent. ` +
          'Azure SQL requires TLS 1.2: remove minVersion, maxVersion and ciphers from options.cryptoCredentialsDetails, ' +
          "and update an old server's TLS. For a server that requires TLS 1.3, set encrypt=strict.",
        { cause: error },
      )
    }
    const check = CERTIFICATE_CHECKS.find(([codes]) => codes.includes(code))
    if (check === undefined) continue
    const [, why, remedy] = check
    const text = `The server's certificate was not accepted: ${why} (${String(code)}). The token was not sent. ${remedy}`
    return new EntraError('TLS_FAILED', text, { cause: error })
  }
  return undefined
}

/** The error for a server that insists on encryption when `encrypt` is false. */
export function encryptionRequired(cause?: unknown): EntraError {
  const text =
    'The server only accepts encrypted connections, but encrypt is false. The token was not sent. Remove encrypt.'
  return new EntraError('TLS_FAILED', text, { cause })
}
