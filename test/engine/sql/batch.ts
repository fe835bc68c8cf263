import type { IsolationLevel, SqlType } from '../session.ts'
import type { Catalogue } from './catalogue.ts'
import { alter, create, drop, truncate } from './ddl.ts'
import { insert, merge, remove, update } from './dml.ts'
import { expression } from './expressions.ts'
import { select } from './select.ts'
import { incorrectSyntax, SqlError, unsupported } from './sql-error.ts'
import type { Piece, Statement } from './statements.ts'
import { type Token, tokenize } from './tokens.ts'
import { type Declarations, Translation } from './translation.ts'
import { readType } from './types.ts'

/** A parsed batch: its statements and the variables it declares. */
export interface Batch {
  statements: Statement[]
  declarations: Declarations
}

/**
 * Reads a batch. Each statement is translated once to find where it ends, with a catalogue that accepts any
 * name. It is translated again when it runs.
 *
 * @param parameters - the types of the parameters, by name
 * @throws {@link SqlError}
 */
export function readBatch(sql: string, parameters: ReadonlyMap<string, SqlType>, catalogue: Catalogue): Batch {
  const declarations: Declarations = { variables: new Map(parameters), tables: new Map() }
  const tokens = tokenize(sql)
  const reader = new BatchReader(tokens, new Translation(tokens, catalogue, declarations), declarations)
  return { statements: reader.readAll(), declarations }
}

const QUERIES: Readonly<Record<string, (t: Translation) => unknown>> = { SELECT: select, WITH: select }
const CHANGES: Readonly<Record<string, (t: Translation) => unknown>> = {
  INSERT: insert,
  UPDATE: update,
  DELETE: remove,
  MERGE: merge,
}
const DEFINITIONS: Readonly<Record<string, (t: Translation) => unknown>> = {
  CREATE: create,
  ALTER: alter,
  DROP: drop,
  TRUNCATE: truncate,
}

/** Translators by a statement's first word, which SELECT and WITH read themselves. */
export const TRANSLATORS = { QUERIES, CHANGES, DEFINITIONS }

class BatchReader {
  readonly #tokens: readonly Token[]
  readonly #t: Translation
  readonly #declarations: Declarations

  constructor(tokens: readonly Token[], t: Translation, declarations: Declarations) {
    this.#tokens = tokens
    this.#t = t
    this.#declarations = declarations
  }

  readAll(): Statement[] {
    const statements: Statement[] = []
    for (;;) {
      while (this.#t.accept('symbol', ';'));
      if (this.#t.atEnd) return statements
      statements.push(this.#statement())
    }
  }

  #statement(): Statement {
    const t = this.#t
    const word = t.token.kind === 'word' ? t.token.text.toUpperCase() : ''
    if (word in QUERIES || t.is('symbol', '(')) return { kind: 'query', piece: this.#piece(select) }
    if (word in CHANGES) return { kind: 'change', piece: this.#afterWord(CHANGES) }
    if (word in DEFINITIONS) return { kind: 'definition', piece: this.#afterWord(DEFINITIONS) }
    if (word === '') throw t.unexpected()
    const begin = this.#tokens.indexOf(t.token)
    t.next()
    switch (word) {
      case 'DECLARE':
        return this.#declare()
      case 'SET':
        return this.#set()
      case 'IF':
        return this.#if()
      case 'WHILE':
        return { kind: 'while', condition: this.#piece(expression), body: this.#nested() }
      case 'BEGIN':
        return this.#begin()
      case 'COMMIT':
        this.#transactionWord()
        return { kind: 'commit' }
      case 'ROLLBACK':
        this.#transactionWord()
        return { kind: 'rollback', name: this.#optionalName() }
      case 'SAVE':
        this.#transactionWord()
        return { kind: 'save', name: this.#optionalName() }
      case 'BREAK':
      case 'CONTINUE':
      case 'RETURN':
        return { kind: word.toLowerCase() as 'break' | 'continue' | 'return' }
      case 'PRINT':
        return { kind: 'print', value: this.#piece(expression) }
      case 'THROW':
        return this.#throw()
      case 'RAISERROR':
        return this.#raiserror()
      case 'USE':
        return { kind: 'use', database: t.identifier() }
      case 'DBCC':
        if (t.identifier().toUpperCase() !== 'USEROPTIONS') throw unsupported('DBCC, but for USEROPTIONS')
        return { kind: 'useroptions' }
      case 'WAITFOR':
        return this.#waitfor()
      case 'EXEC':
      case 'EXECUTE':
        return this.#execute()
      default:
        if (begin === 0) throw new SqlError(2812, `Could not find stored procedure '${this.#tokens[0]?.text}'.`, 16, 62)
        throw incorrectSyntax(this.#previous())
    }
  }

  #previous(): string {
    const at = this.#tokens.indexOf(this.#t.token)
    return this.#tokens[at - 1]?.text ?? ''
  }

  /** Reads a piece to find its end. */
  #piece(read: (t: Translation) => unknown): Piece {
    const begin = this.#tokens.indexOf(this.#t.token)
    this.#t.inputs = []
    read(this.#t)
    const end = this.#tokens.indexOf(this.#t.token)
    return { tokens: [...this.#tokens.slice(begin, end), { kind: 'end', text: '' }] }
  }

  #afterWord(translators: Readonly<Record<string, (t: Translation) => unknown>>): Piece {
    return this.#piece((t) => translators[t.next().text.toUpperCase()]?.(t))
  }

  #nested(): Statement {
    while (this.#t.accept('symbol', ';'));
    const statement = this.#statement()
    return statement
  }

  #until(...words: string[]): Statement[] {
    const body: Statement[] = []
    for (;;) {
      while (this.#t.accept('symbol', ';'));
      if (this.#t.acceptWord(...words)) return body
      if (this.#t.atEnd) throw incorrectSyntax('')
      body.push(this.#statement())
    }
  }

  #declare(): Statement {
    const t = this.#t
    const body: Statement[] = []
    do {
      const name = t.expect('variable').text
      t.acceptWord('AS')
      if (t.acceptWord('TABLE')) {
        const columns = this.#tableColumns()
        this.#declarations.tables.set(name, columns)
        body.push({ kind: 'declareTable', name, columns })
        continue
      }
      if (this.#declarations.variables.has(name)) {
        const message = `The variable name '${name}' has already been declared. Variable names must be unique within a query batch or stored procedure.`
        throw new SqlError(134, message, 15)
      }
      this.#declarations.variables.set(name, readType(t))
      if (t.accept('symbol', '=')) body.push({ kind: 'set', variable: name, value: this.#piece(expression) })
    } while (t.accept('symbol', ','))
    return { kind: 'block', body }
  }

  #tableColumns(): { name: string; type: SqlType }[] {
    const t = this.#t
    const columns: { name: string; type: SqlType }[] = []
    t.expect('symbol', '(')
    do {
      columns.push({ name: t.identifier(), type: readType(t) })
      if (t.acceptWord('NOT')) t.expectWord('NULL')
      else t.acceptWord('NULL')
      if (!t.is('symbol', ',') && !t.is('symbol', ')')) throw unsupported('constraints of a table variable')
    } while (t.accept('symbol', ','))
    t.expect('symbol', ')')
    return columns
  }

  #set(): Statement {
    const t = this.#t
    if (t.is('variable')) {
      const variable = t.next().text
      t.expect('symbol', '=')
      return { kind: 'set', variable, value: this.#piece(expression) }
    }
    if (t.acceptWord('TRANSACTION', 'ISOLATION', 'LEVEL')) return { kind: 'isolation', level: this.#isolationLevel() }
    const names = [t.identifier().toLowerCase()]
    if (names[0] === 'identity_insert') {
      const table = t.qualifiedName().at(-1) ?? ''
      return { kind: 'option', name: 'identity_insert', value: t.identifier().toLowerCase() === 'on' ? table : '' }
    }
    while (t.accept('symbol', ',')) names.push(t.identifier().toLowerCase())
    const sign = t.accept('symbol', '-') ? '-' : ''
    const value = sign + t.next().text.toLowerCase()
    return { kind: 'block', body: names.map((name) => ({ kind: 'option', name, value })) }
  }

  #isolationLevel(): IsolationLevel {
    const levels = ['READ UNCOMMITTED', 'READ COMMITTED', 'REPEATABLE READ', 'SERIALIZABLE', 'SNAPSHOT'] as const
    const level = levels.find((it) => this.#t.acceptWord(...it.split(' ')))
    if (level === undefined) throw this.#t.unexpected()
    return level
  }

  #if(): Statement {
    const condition = this.#piece(expression)
    const then = this.#nested()
    while (this.#t.is('symbol', ';') && this.#isElseNext()) this.#t.next()
    return { kind: 'if', condition, then, else: this.#t.acceptWord('ELSE') ? this.#nested() : undefined }
  }

  #isElseNext(): boolean {
    const next = this.#t.peek(1)
    return next.kind === 'word' && next.text.toUpperCase() === 'ELSE'
  }

  #begin(): Statement {
    const t = this.#t
    if (t.acceptWord('TRY')) {
      const body = this.#until('END', 'TRY')
      while (t.accept('symbol', ';'));
      t.expectWord('BEGIN', 'CATCH')
      return { kind: 'try', body, handler: this.#until('END', 'CATCH') }
    }
    if (t.isWord('TRAN') || t.isWord('TRANSACTION')) {
      t.next()
      this.#optionalName()
      return { kind: 'begin' }
    }
    return { kind: 'block', body: this.#until('END') }
  }

  #transactionWord(): void {
    if (!this.#t.acceptWord('TRAN') && !this.#t.acceptWord('TRANSACTION')) this.#t.acceptWord('WORK')
  }

  /** The optional name of a transaction or savepoint in the same statement. */
  #optionalName(): string {
    const { token } = this.#t
    const isName = token.kind === 'name' || (token.kind === 'word' && !(token.text.toUpperCase() in STARTS))
    return isName ? this.#t.identifier() : ''
  }

  #throw(): Statement {
    const t = this.#t
    if (t.atEnd || !(t.is('number') || t.is('variable'))) return { kind: 'throw', error: undefined }
    const number = this.#piece(expression)
    t.expect('symbol', ',')
    const message = this.#piece(expression)
    t.expect('symbol', ',')
    return { kind: 'throw', error: { number, message, state: this.#piece(expression) } }
  }

  #raiserror(): Statement {
    const t = this.#t
    t.expect('symbol', '(')
    const message = this.#piece(expression)
    t.expect('symbol', ',')
    const severity = Number(t.expect('number').text)
    t.expect('symbol', ',')
    const state = Number(t.expect('number').text)
    if (t.is('symbol', ',')) throw unsupported('arguments of RAISERROR')
    t.expect('symbol', ')')
    if (t.acceptWord('WITH')) t.expectWord('NOWAIT')
    return { kind: 'raiserror', message, severity, state }
  }

  #waitfor(): Statement {
    this.#t.expectWord('DELAY')
    const [, hours = '0', minutes = '0', seconds = '0'] =
      /^(\d+):(\d+)(?::(\d+(?:\.\d+)?))?$/.exec(this.#t.expect('string').text) ?? []
    return { kind: 'waitfor', milliseconds: ((Number(hours) * 60 + Number(minutes)) * 60 + Number(seconds)) * 1000 }
  }

  #execute(): Statement {
    const t = this.#t
    let result: string | undefined
    if (t.is('variable') && t.peek(1).text === '=') {
      result = t.next().text
      t.next()
    }
    if (t.is('symbol', '(')) throw unsupported('EXEC of a string')
    const procedure = (t.qualifiedName().at(-1) ?? '').toLowerCase()
    const values: { name: string | undefined; value: Piece }[] = []
    if (t.is('variable') || t.is('string') || t.is('number') || t.is('symbol', '-')) {
      do {
        let name: string | undefined
        if (t.is('variable') && t.peek(1).text === '=') {
          name = t.next().text
          t.next()
        }
        values.push({ name, value: this.#piece(expression) })
        if (t.isWord('OUTPUT') || t.isWord('OUT')) throw unsupported('OUTPUT parameters of EXEC')
      } while (t.accept('symbol', ','))
    }
    return { kind: 'execute', procedure, result, values }
  }
}

/** Words that begin a statement, so they are not a name after COMMIT or ROLLBACK. */
const STARTS = Object.fromEntries(
  `SELECT WITH INSERT UPDATE DELETE MERGE CREATE ALTER DROP TRUNCATE DECLARE SET IF ELSE WHILE BEGIN END COMMIT ROLLBACK
  SAVE BREAK CONTINUE RETURN PRINT THROW RAISERROR USE WAITFOR EXEC EXECUTE`
    .split(/\s+/)
    .map((word) => [word, true]),
)
