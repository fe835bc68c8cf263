import { EntraError, type EntraErrorCode } from '../errors/entra-error.ts'
import { pointAt, type Span } from './place.ts'

/** Prisma's `sqlserver://…`, JDBC's `jdbc:sqlserver://…`, and ADO.NET's `Server=…;…`. */
export type Format = 'prisma' | 'jdbc' | 'ado'

/** Something in a config that is taken, but probably not as it was meant. */
export interface ConfigWarning {
  message: string
  /** The parameter's name as it was written; `***` where it may be a part of a secret. */
  parameter: string
}

/** A connection string that is being read: what is said about a place in it is shown with the secrets masked. */
export class Source {
  readonly format: Format
  readonly text: string
  readonly warnings: ConfigWarning[] = []
  readonly #hidden: Span[] = []

  constructor(format: Format, text: string) {
    this.format = format
    this.text = text
  }

  /** Never shows this part. To be called in the order of the text. */
  hide(span: Span): void {
    const covered = this.#hidden.at(-1)?.end ?? 0
    if (span.end > covered && span.end > span.start) this.#hidden.push(span)
  }

  refuse(place: Span, message: string, code: EntraErrorCode = 'CONFIG_INVALID'): EntraError {
    return new EntraError(code, `${message}\n${pointAt(this.text, place, this.#hidden)}`)
  }
}
