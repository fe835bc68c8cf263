import type { EntraErrorCode } from '../errors/entra-error.ts'

/** Why no connection could be opened, as far as the network says. */
export interface NetworkVerdict {
  code: EntraErrorCode
  /** Why, as far as is known; may be empty. */
  why: string
  remedy: string
}

const PORTS =
  'On Azure the server also redirects to ports 11000 to 11999, which have to be open for outbound connections too ' +
  '(or set its connection policy to Proxy). TDS goes through no HTTP proxy.'

/** By the code of the system's error, or of the driver's. */
const FAILURES: ReadonlyArray<readonly [codes: readonly string[], verdict: NetworkVerdict]> = [
  [
    ['ENOTFOUND', 'ENODATA'],
    {
      code: 'SERVER_NOT_FOUND',
      why: 'DNS knows no such name.',
      remedy:
        'Check the host name of the server. Behind a private endpoint, link its private DNS zone to this network.',
    },
  ],
  [
    ['EAI_AGAIN'],
    {
      code: 'SERVER_NOT_FOUND',
      why: 'DNS did not answer.',
      remedy: 'Check the network and the DNS server of this machine; and the host name of the server.',
    },
  ],
  [
    ['ECONNREFUSED'],
    {
      code: 'SERVER_UNREACHABLE',
      why: 'Nothing listens at that address and port.',
      remedy: 'Check host and port (Azure SQL: 1433), that the server runs, and that it takes TCP connections.',
    },
  ],
  [
    ['EHOSTUNREACH', 'ENETUNREACH', 'ENETDOWN', 'EHOSTDOWN', 'EADDRNOTAVAIL'],
    {
      code: 'SERVER_UNREACHABLE',
      why: 'This machine has no route to that address.',
      remedy: 'Check network, VPN and routes of this machine, and whether the server has a private endpoint only.',
    },
  ],
  [
    ['ETIMEDOUT', 'ETIMEOUT'],
    {
      code: 'SERVER_UNREACHABLE',
      why: 'Nothing answered in time: something in between drops the packets, or the address is wrong.',
      remedy: `Check host and port, and that outbound TCP connections to port 1433 are let out from here. ${PORTS}`,
    },
  ],
  [
    ['EINSTLOOKUP'],
    {
      code: 'SERVER_UNREACHABLE',
      why: 'The port of a named instance is asked for at the SQL Server Browser (UDP 1434), which did not tell it.',
      remedy: 'Start the SQL Server Browser and open UDP 1434, or name the port in place of the instance.',
    },
  ],
]

/** The server was reached, and the time was up before it had taken the login. */
export const LOGIN_TIMEOUT: NetworkVerdict = {
  code: 'LOGIN_TIMEOUT',
  why: 'The server was reached, and had not taken the login in time.',
  remedy:
    'A database that is waking up or busy takes longer: try again, with a longer connectTimeout (30000 ms is what ' +
    `Microsoft advises). ${PORTS}`,
}

/** What a failure of the network means; undefined where the code is none of one. */
export function explainNetworkFailure(code: unknown): NetworkVerdict | undefined {
  return FAILURES.find(([codes]) => codes.some((known) => known === code))?.[1]
}
