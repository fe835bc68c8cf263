import { isAzureHost } from '../credentials/clouds.ts'
import { authenticationMethods, METHODS } from '../credentials/methods.ts'
import type { Given, GivenDetails } from '../credentials/sign-in.ts'
import { isLoopback } from './address.ts'

/** A user and a password, for a server that accepts no tokens. Neither `util.inspect` nor `JSON.stringify` shows the password. */
export class SqlLogin {
  readonly user: string
  readonly #password: string

  constructor(user: string, password: string) {
    this.user = user
    this.#password = password
  }

  /** In the form of tedious. */
  authentication(): object {
    return { type: 'default', options: { userName: this.user, password: this.#password } }
  }
}

/** Whether a config may sign in to a server by a password: never on Azure. @param allowed - the option `allowPassword` */
export function mayUsePassword(server: string, allowed = false): boolean {
  return !isAzureHost(server) && (allowed || isLoopback(server))
}

/**
 * The login of a config that has a user and a password, and no `authentication`.
 *
 * @param inOptions - the option `authentication`, of one or several methods, which may need the password for itself
 */
export function sqlLoginIn(
  { user, password }: GivenDetails,
  authentication: Given | undefined,
  inOptions: string | undefined,
): SqlLogin | undefined {
  if (user === undefined || password === undefined || authentication !== undefined) return undefined
  const methods = inOptions === undefined ? [] : authenticationMethods(inOptions)
  return methods.some((method) => METHODS[method].takes.includes('secret'))
    ? undefined
    : new SqlLogin(user.text, password.text)
}
