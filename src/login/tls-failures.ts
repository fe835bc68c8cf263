import { EntraError } from '../errors/entra-error.ts'

/** What each check of a certificate says where it fails, by Node's (OpenSSL's) code: what is wrong, and what to do. */
const CHECKS: ReadonlyArray<readonly [codes: readonly string[], why: string, remedy: string]> = [
  [
    ['ERR_TLS_CERT_ALTNAME_INVALID', 'HOSTNAME_MISMATCH'],
    'it is for another host name',
    'Connect by the name that stands in the certificate.',
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
    'no certificate authority that is trusted here has signed it',
    'Name its authority in options.cryptoCredentialsDetails.ca or NODE_EXTRA_CA_CERTS; ' +
      'trustServerCertificate=true takes any certificate, and with it any server (not with encrypt=strict).',
  ],
  [['CERT_REVOKED'], 'it was revoked', 'The server needs a new certificate.'],
]

/** OpenSSL's codes for two sides that have no version of TLS, or no cipher, in common. */
const NOTHING_IN_COMMON: readonly unknown[] = [
  'ERR_SSL_UNSUPPORTED_PROTOCOL',
  'ERR_SSL_NO_PROTOCOLS_AVAILABLE',
  'ERR_SSL_TLSV1_ALERT_PROTOCOL_VERSION',
  'ERR_SSL_NO_SHARED_CIPHER',
  'ERR_SSL_SSLV3_ALERT_HANDSHAKE_FAILURE',
]

/** tedious's code where the server takes encrypted connections only, and `encrypt` is false. */
const ENCRYPTION_REQUIRED = 'EENCRYPT'

/**
 * What a failed TLS handshake means; undefined where the error is none.
 *
 * @param error - what TLS threw, or an error that holds it as its cause
 */
export function explainTlsFailure(error: unknown): EntraError | undefined {
  for (const link of causesOf(error)) {
    const code = (link as { code?: unknown }).code
    const check = CHECKS.find(([codes]) => codes.some((name) => name === code))
    if (code === ENCRYPTION_REQUIRED) return encryptionRequired(error)
    if (NOTHING_IN_COMMON.includes(code)) return nothingInCommon(String(code), error)
    if (check === undefined) continue
    const [, why, remedy] = check
    return new EntraError(
      'TLS_FAILED',
      `The server's certificate was not accepted: ${why} (${String(code)}). The token was not sent. ${remedy}`,
      { cause: error },
    )
  }
  return undefined
}

/** What to throw where the server takes encrypted connections only, and `encrypt` is false. */
export function encryptionRequired(cause?: unknown): EntraError {
  return new EntraError(
    'TLS_FAILED',
    'The server takes encrypted connections only, and encrypt is false here. The token was not sent. Leave encrypt out.',
    { cause },
  )
}

function nothingInCommon(code: string, cause: unknown): EntraError {
  return new EntraError(
    'TLS_FAILED',
    `The server and this machine have no version of TLS, or no cipher, in common (${code}). The token was not sent. ` +
      'Azure SQL wants TLS 1.2: leave minVersion, maxVersion and ciphers in options.cryptoCredentialsDetails out, and ' +
      "bring an old server's TLS up to date.",
    { cause },
  )
}

/** The error and what it was caused by: `cause` of ECMAScript, `originalError` of mssql. */
export function* causesOf(error: unknown): Generator<object> {
  for (let link = error, depth = 0; typeof link === 'object' && link !== null && depth < 8; depth++) {
    yield link
    const { cause, originalError } = link as { cause?: unknown; originalError?: unknown }
    link = cause ?? originalError
  }
}
