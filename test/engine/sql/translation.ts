import type { SqlType } from '../session.ts'
import type { Catalogue } from './catalogue.ts'
import { incorrectSyntax } from './sql-error.ts'
import type { Token } from './tokens.ts'

/** The inputs of a translated statement when it runs: `$1` is the first, and so on. */
export type Input =
  /** A variable, a parameter, or a value of the session such as `@@spid`. */
  | {
      kind: 'variable'
      name: string
      /** Trailing spaces are ignored when text is compared for equality. */
      trimmed?: boolean
    }
  /** A column of a table variable, as an array. */
  | { kind: 'column'; table: string; index: number }

/** Variables of a batch, known while it is translated. */
export interface Declarations {
  readonly variables: Map<string, SqlType>
  readonly tables: Map<string, { name: string; type: SqlType }[]>
}

/** Reads T-SQL token by token and collects the inputs of the PostgreSQL translation. */
export class Translation {
  readonly catalogue: Catalogue
  readonly declarations: Declarations
  inputs: Input[] = []
  /** The tables that it names. */
  readonly tables = new Set<string>()
  readonly #tokens: readonly Token[]
  #at = 0

  constructor(tokens: readonly Token[], catalogue: Catalogue, declarations: Declarations) {
    this.#tokens = tokens
    this.catalogue = catalogue
    this.declarations = declarations
  }

  get token(): Token {
    return this.peek(0)
  }

  get atEnd(): boolean {
    return this.token.kind === 'end'
  }

  peek(ahead: number): Token {
    return this.#tokens[Math.min(this.#at + ahead, this.#tokens.length - 1)] ?? { kind: 'end', text: '' }
  }

  next(): Token {
    const { token } = this
    this.#at++
    return token
  }

  is(kind: Token['kind'], text?: string): boolean {
    return this.token.kind === kind && (text === undefined || this.token.text === text)
  }

  isWord(...words: string[]): boolean {
    return words.every((word, i) => {
      const token = this.peek(i)
      return token.kind === 'word' && token.text.toUpperCase() === word
    })
  }

  accept(kind: Token['kind'], text?: string): boolean {
    if (!this.is(kind, text)) return false
    this.#at++
    return true
  }

  /** Accepts these words, all or none. */
  acceptWord(...words: string[]): boolean {
    if (!this.isWord(...words)) return false
    this.#at += words.length
    return true
  }

  expect(kind: Token['kind'], text?: string): Token {
    if (!this.is(kind, text)) throw this.unexpected()
    return this.next()
  }

  expectWord(...words: string[]): void {
    for (const word of words) if (!this.acceptWord(word)) throw this.unexpected()
  }

  unexpected(): Error {
    return incorrectSyntax(this.token.text)
  }

  /** A name, with or without brackets, as written. */
  identifier(): string {
    if (this.token.kind !== 'word' && this.token.kind !== 'name') throw this.unexpected()
    return this.next().text
  }

  /** `a`, `a.b`, `a.b.c`: the parts of a name. */
  qualifiedName(): string[] {
    const parts = [this.identifier()]
    while (this.is('symbol', '.')) {
      this.next()
      if (this.is('symbol', '.')) parts.push('dbo')
      else parts.push(this.identifier())
    }
    return parts
  }

  /** Marks the latest input as compared for equality. */
  trimInput(sql: string): void {
    const last = this.inputs.at(-1)
    if (last?.kind === 'variable' && sql === `$${this.inputs.length}`) last.trimmed = true
  }

  /** A placeholder for a value that is known when the statement runs. */
  input(input: Input): string {
    this.inputs.push(input)
    return `$${this.inputs.length}`
  }
}

/** An identifier quoted for PostgreSQL. */
export function quoted(name: string): string {
  return `"${name.replaceAll('"', '""')}"`
}

export function literal(text: string): string {
  return `'${text.replaceAll("'", "''")}'`
}
