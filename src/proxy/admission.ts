import { createHash, randomBytes, timingSafeEqual } from 'node:crypto'
import { knowsFeatures, type Login7 } from '../tds/login7.ts'
import type { Peer } from './peer.ts'

/** The SQL login of a proxy, made up at its start. `util.inspect` does not show the password. */
export class LocalLogin {
  readonly user: string
  readonly #password: string

  /** Without arguments: both made up, 64 and 256 bits of randomness, without a character that a tool might escape. */
  constructor(user = `entra_${randomBytes(8).toString('hex')}`, password = randomBytes(32).toString('hex')) {
    this.user = user
    this.#password = password
  }

  get password(): string {
    return this.#password
  }

  /** In a time that does not tell where they differ. */
  matches(user: string, password: string): boolean {
    const sameUser = timingSafeEqual(digest(user), digest(this.user))
    const samePassword = timingSafeEqual(digest(password), digest(this.#password))
    return sameUser && samePassword
  }

  /** What `util.inspect` shows: it would call the getter when told to show hidden properties. */
  [Symbol.for('nodejs.util.inspect.custom')](): object {
    return { ...this }
  }
}

function digest(text: string): Buffer {
  return createHash('sha256').update(text, 'utf8').digest()
}

/**
 * Why a client is turned away at the door: its LOGIN7 is not what MS-TDS says; not the proxy's user and password; a
 * process of another user of this machine; a TDS without Entra logins; or the proxy's owner does not want it
 * (`ProxyOptions.refuse`).
 */
export type Refusal = 'unreadable' | LoginRefusal | 'owner'

/** What is wrong with a login that could be read. */
export type LoginRefusal = 'credentials' | 'other-user' | 'tds-version'

/**
 * Whether a client may pass; undefined where it may.
 *
 * @param peer - who the client is, as far as the machine tells
 */
export function refusalOf(login: Login7, local: LocalLogin, peer: Peer): LoginRefusal | undefined {
  if (!local.matches(login.userName, login.password)) return 'credentials'
  if (peer === 'other-user') return 'other-user'
  if (!knowsFeatures(login.tdsVersion)) return 'tds-version'
  return undefined
}

/** What a client hears that is turned away. */
export const REASONS: Readonly<Record<LoginRefusal, string>> = {
  credentials:
    'This is the loopback proxy of prisma-adapter-mssql-entra: it takes only the user and password made up at its start.',
  'other-user': 'The loopback proxy serves processes of its own user only; this connection comes from another one’s.',
  'tds-version':
    'This client speaks a TDS older than 7.4, which has no Entra logins: set it to 7.4 (FreeTDS: tds version = 7.4).',
}
