import type { ServerMessage } from './tokens.ts'

/** The server's own words on a login that it refused: the cause of what the login throws. */
export class LoginRefusedError extends Error {
  override readonly name = 'LoginRefusedError'
  /** Its ERROR tokens, as they came and in their order: 4060 stands before 18456. Never empty. */
  readonly messages: readonly ServerMessage[]

  constructor(messages: readonly ServerMessage[]) {
    super(messages.map(({ number, message }) => `${number}: ${message}`).join(' '))
    this.messages = messages
  }
}
