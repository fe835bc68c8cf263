import type { SqlMessage } from '../session.ts'

/** An error of SQL Server, on its way to the client or to a CATCH. */
export class SqlError extends Error {
  readonly number: number
  readonly state: number
  readonly class: number

  constructor(number: number, message: string, severity = 16, state = 1) {
    super(message)
    this.number = number
    this.class = severity
    this.state = state
  }

  toMessage(): SqlMessage {
    return { number: this.number, state: this.state, class: this.class, message: this.message, line: 1 }
  }
}

/** What the engine does not know it refuses by name. */
export function unsupported(what: string): SqlError {
  return new SqlError(50_001, `The local engine does not support ${what}.`)
}

export function incorrectSyntax(near: string): SqlError {
  return new SqlError(102, `Incorrect syntax near '${near}'.`, 15)
}
