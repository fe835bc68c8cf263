import type { SqlMessage } from '../session.ts'

/** A SQL Server error, for the client or a CATCH block. */
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

/** Rejects by name what the engine does not support. */
export function unsupported(what: string): SqlError {
  return new SqlError(50_001, `The local engine does not support ${what}.`)
}

export function incorrectSyntax(near: string): SqlError {
  return new SqlError(102, `Incorrect syntax near '${near}'.`, 15)
}
