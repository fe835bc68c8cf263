import { createHash, randomBytes, timingSafeEqual } from 'node:crypto'
import { TdsProtocolError, TooLargeError } from '../tds/bytes.ts'
import { knowsFeatures, type Login7, TdsVersion } from '../tds/login7.ts'

/** In bytes. Perl's DBD::Sybase cuts a password off after 30 characters. */
const PASSWORD_LENGTH = 15

export function randomPassword(): string {
  return randomBytes(PASSWORD_LENGTH).toString('hex')
}

/** The SQL login of a proxy, generated at its start. `util.inspect` does not show the password. */
export class LocalLogin {
  readonly user: string
  readonly #password: string

  /** By default both are random, with 64 and 120 bits, without a character that a tool might escape. */
  constructor(user = `entra_${randomBytes(8).toString('hex')}`, password = randomPassword()) {
    this.user = user
    this.#password = password
  }

  get password(): string {
    return this.#password
  }

  /** In a time that does not tell where they differ. */
  matches(user: string, password: string): boolean {
    return timingSafeEqual(digest([user, password]), digest([this.user, this.#password]))
  }

  /** What `util.inspect` shows: it would call the getter when told to show hidden properties. */
  [Symbol.for('nodejs.util.inspect.custom')](): object {
    return { ...this }
  }
}

function digest(login: readonly string[]): Buffer {
  return createHash('sha256').update(JSON.stringify(login)).digest()
}

/** The message to a client that is refused after its login, by the reason. */
export const REFUSED_CLIENTS = {
  credentials:
    'This is the loopback proxy of prisma-adapter-mssql-entra: it only accepts the user and password that it shows at its start.',
  'tds-version':
    'This client uses a TDS version before 7.3, without Entra logins: set it to 7.4 (FreeTDS: tds version = 7.4). ' +
    'jTDS has none that is later: use mssql-jdbc.',
} as const

type ClientFault = keyof typeof REFUSED_CLIENTS

/**
 * Why a client is refused, in words. `other-user`, `too-many`, `timeout`, `too-large` and `tls` end a connection before a
 * login, without an answer; for the other reasons the client gets an error.
 *
 * - `too-many`: there are too many connections, or, before a login, it waited longer than the others
 * - `owner`: by `ProxyOptions.refuse`
 */
export const REFUSAL_REASONS = {
  'too-many': 'there are too many connections',
  timeout: 'it did not log in in time',
  'too-large': 'it sent more than a login has',
  tls: 'TLS failed; it may not trust the certificate of the proxy (--ca-file)',
  unreadable: 'its login does not follow MS-TDS',
  credentials: 'not the user and password of this proxy',
  'other-user': 'its process belongs to another user of this machine',
  'tds-version': 'it speaks a TDS version before 7.3',
  owner: 'refused by the program that runs the proxy',
} as const

export type RefusalReason = keyof typeof REFUSAL_REASONS

/** Why a client of our own user that sent this login is refused; undefined if it is admitted. */
export function refusalReason(login: Login7, local: LocalLogin): ClientFault | undefined {
  if (!local.matches(login.userName, login.password)) return 'credentials'
  return isServed(login.tdsVersion) ? undefined : 'tds-version'
}

/**
 * Whether a client of this version can read what a TDS 7.4 server sends. 7.3.B has the same tokens and types, and only no
 * features; to 7.3.A, rows with many NULLs (NBCROW) are unknown, and to 7.2 the types of dates and times too.
 */
function isServed(tdsVersion: number): boolean {
  return knowsFeatures(tdsVersion) || tdsVersion === TdsVersion.TDS_7_3_B
}

/** The reason to refuse a client that failed before its login was read. */
export function faultIn(error: unknown): RefusalReason {
  if (error instanceof TooLargeError) return 'too-large'
  return error instanceof TdsProtocolError ? 'unreadable' : 'tls'
}
