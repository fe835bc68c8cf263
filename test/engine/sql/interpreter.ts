import type { Parameter, ResultItem, SqlType } from '../session.ts'
import type { Batch } from './batch.ts'
import { DatabaseConnection } from './connection.ts'
import { sqlErrorOf, type Verb } from './postgres-errors.ts'
import { executeProcedure } from './procedures.ts'
import { NO_NAME } from './select.ts'
import { SqlError } from './sql-error.ts'
import type { SessionState } from './sql-session.ts'
import type { Piece, Statement } from './statements.ts'
import { translateChange, translateDefinition, translateExpression, translateQuery } from './translate.ts'
import type { Input } from './translation.ts'
import { cast } from './types.ts'
import { fromPostgres, inferType, toPostgres } from './values.ts'

/** Leaves a loop or a batch. */
class Jump {
  readonly to: 'break' | 'continue' | 'return'
  constructor(to: Jump['to']) {
    this.to = to
  }
}

/** Errors after which the rest of a batch does not run. */
const ABORTS_BATCH = new Set([102, 137, 207, 208, 241, 245, 1205, 3960, 8114, 8169, 50_001])
/** Errors that end the transaction. */
const ENDS_TRANSACTION = new Set([1205, 3960])

type Row = (string | null)[]

/** Runs one batch. */
export class Interpreter {
  readonly #state: SessionState
  readonly #batch: Batch
  readonly #variables = new Map<string, string | null>()
  readonly #tables = new Map<string, Row[]>()
  #caught: SqlError | undefined

  constructor(state: SessionState, batch: Batch, parameters: readonly Parameter[]) {
    this.#state = state
    this.#batch = batch
    for (const { name, type, value } of parameters) this.#variables.set(name.toLowerCase(), toPostgres(value, type))
  }

  /** Yields errors as items. */
  async *run(): AsyncGenerator<ResultItem> {
    try {
      yield* this.#all(this.#batch.statements, false)
    } catch (thrown) {
      if (thrown instanceof Jump) return
      if (!(thrown instanceof SqlError)) throw thrown
      yield { kind: 'error', ...thrown.toMessage() }
    }
  }

  async *#all(statements: readonly Statement[], inTry: boolean): AsyncGenerator<ResultItem> {
    for (const statement of statements) {
      if (this.#state.cancelled) throw new Jump('return')
      try {
        yield* this.#one(statement, inTry)
      } catch (error) {
        if (!(error instanceof SqlError)) throw error
        this.#state.lastError = error.number
        yield* this.#endTransaction(error)
        if (inTry || error instanceof Thrown || ABORTS_BATCH.has(error.number) || this.#state.options.xactAbort)
          throw error
        yield { kind: 'error', ...error.toMessage() }
        yield { kind: 'done' }
      }
    }
  }

  async *#endTransaction(error: SqlError): AsyncGenerator<ResultItem> {
    const { transaction, connection, options } = this.#state
    if (transaction.depth === 0) return
    if (ENDS_TRANSACTION.has(error.number) || options.xactAbort) yield* transaction.rollback(connection, '')
  }

  async *#one(statement: Statement, inTry: boolean): AsyncGenerator<ResultItem> {
    const { transaction, connection } = this.#state
    switch (statement.kind) {
      case 'query':
        return yield* this.#query(statement.piece)
      case 'change':
        return this.#state.options.fmtOnly ? undefined : yield* this.#change(statement.piece)
      case 'definition':
        return yield* this.#definition(statement.piece)
      case 'set':
        return this.#assign(statement.variable, statement.value)
      case 'declareTable':
        this.#tables.set(statement.name, [])
        return
      case 'block':
        return yield* this.#all(statement.body, inTry)
      case 'if':
        if (await this.#holds(statement.condition)) yield* this.#all([statement.then], inTry)
        else if (statement.else !== undefined) yield* this.#all([statement.else], inTry)
        return
      case 'while':
        return yield* this.#while(statement, inTry)
      case 'break':
      case 'continue':
      case 'return':
        throw new Jump(statement.kind)
      case 'try':
        return yield* this.#try(statement, inTry)
      case 'begin':
        return yield* transaction.begin(connection)
      case 'commit':
        return yield* transaction.commit(connection)
      case 'rollback':
        return yield* transaction.rollback(connection, statement.name)
      case 'save':
        return yield* transaction.save(connection, statement.name)
      case 'isolation':
        transaction.isolation = statement.level
        return
      case 'useroptions':
        return yield* this.#userOptions()
      case 'option':
        return this.#option(statement.name, statement.value)
      case 'print':
        yield {
          kind: 'info',
          number: 0,
          state: 1,
          class: 0,
          message: (await this.#value(statement.value)) ?? '',
          line: 1,
        }
        return
      case 'throw':
        return this.#throw(statement)
      case 'raiserror':
        return yield* this.#raise(statement)
      case 'use':
        return yield* this.#use(statement.database)
      case 'waitfor':
        await this.#guarded('SELECT', () =>
          connection.query('SELECT pg_sleep($1)', [String(statement.milliseconds / 1000)]),
        )
        return
      case 'execute':
        return this.#execute(statement)
    }
  }

  async *#query(piece: Piece): AsyncGenerator<ResultItem> {
    const { connection, transaction } = this.#state
    const { result, inputs, tables } = translateQuery(piece, await connection.catalogue(), this.#batch.declarations)
    const answer = await this.#guarded('SELECT', async () => {
      await transaction.lockTables(connection, tables, false)
      return connection.query(result.sql, this.#inputs(inputs))
    })
    this.#state.rowCount = answer.rows.length
    if (result.assigns.length === 0) return yield* this.#rows(answer)
    const last = answer.rows.at(-1)
    if (last !== undefined) {
      for (const [i, name] of result.assigns.entries()) this.#variables.set(name, last[i] ?? null)
    }
  }

  async *#rows(answer: Awaited<ReturnType<DatabaseConnection['query']>>): AsyncGenerator<ResultItem> {
    const catalogue = await this.#state.connection.catalogue()
    const columns = answer.fields.map(({ name, tableID, columnID, dataTypeID }, i) => ({
      name: name === NO_NAME ? '' : name,
      type:
        catalogue.typeOf(tableID, columnID) ??
        inferType(
          dataTypeID,
          answer.rows.map((row) => row[i] ?? null),
        ),
    }))
    yield { kind: 'columns', columns }
    const rows = this.#state.options.fmtOnly ? [] : answer.rows
    for (const row of rows) {
      if (this.#state.cancelled) throw new Jump('return')
      yield { kind: 'row', values: columns.map(({ type }, i) => fromPostgres(row[i] ?? null, type)) }
    }
    yield this.#done(rows.length)
  }

  #done(rowCount: number): ResultItem {
    return this.#state.options.noCount ? { kind: 'done' } : { kind: 'done', rowCount }
  }

  async *#change(piece: Piece): AsyncGenerator<ResultItem> {
    const { connection, options, transaction } = this.#state
    const verb = (piece.tokens[0]?.text.toUpperCase() ?? 'INSERT') as Verb
    const { result, inputs } = translateChange(piece, await connection.catalogue(), this.#batch.declarations)
    if (
      result.setsIdentity !== undefined &&
      options.identityInsert.toLowerCase() !== result.setsIdentity.toLowerCase()
    ) {
      const where = `table '${result.setsIdentity}' when IDENTITY_INSERT is set to OFF.`
      throw new SqlError(544, `Cannot insert explicit value for identity column in ${where}`)
    }
    const answer = await this.#guarded(verb, async () => {
      await transaction.lockTables(connection, [result.table.toLowerCase()], true)
      return connection.query(result.sql, this.#inputs(inputs))
    })
    this.#state.rowCount = answer.rowCount ?? 0
    if (result.output === 'client') return yield* this.#rows(answer)
    if (result.output !== 'none') this.#tables.get(result.output.table)?.push(...answer.rows)
    yield this.#done(this.#state.rowCount)
  }

  async *#definition(piece: Piece): AsyncGenerator<ResultItem> {
    const { connection, transaction, databases } = this.#state
    const catalogue = await connection.catalogue()
    const { result } = translateDefinition(piece, catalogue, this.#batch.declarations)
    if (result.database !== undefined) {
      if ('create' in result.database) await databases.create(result.database.create)
      else await databases.drop(result.database.drop, result.database.ifExists)
    } else {
      const script = result.statements.join(';\n')
      const whole = transaction.depth > 0 ? script : `BEGIN;\n${script};\nCOMMIT`
      await this.#guarded('SELECT', () => connection.script(whole))
      transaction.schemaChanged(connection)
    }
    yield { kind: 'done' }
  }

  /** Runs a PostgreSQL statement and turns its error into SQL Server's. */
  async #guarded<T>(verb: Verb, run: () => Promise<T>): Promise<T> {
    const { connection, transaction } = this.#state
    try {
      return await transaction.statement(connection, run)
    } catch (error) {
      if (transaction.depth === 0) await connection.script('ROLLBACK')
      if (this.#state.cancelled) throw new Jump('return')
      throw await sqlErrorOf(error, connection.client, connection.database, verb)
    }
  }

  #inputs(inputs: readonly Input[]): (string | null | (string | null)[])[] {
    return inputs.map((input) => {
      if (input.kind === 'column') return (this.#tables.get(input.table) ?? []).map((row) => row[input.index] ?? null)
      const value = this.#variables.has(input.name) ? this.#variables.get(input.name) : this.#sessionValue(input.name)
      return (input.trimmed ? value?.trimEnd() : value) ?? null
    })
  }

  #sessionValue(name: string): string | null {
    const { login, connection, transaction, options } = this.#state
    const error = this.#caught
    const values: Record<string, string | number | null | undefined> = {
      '@@rowcount': this.#state.rowCount,
      '@@trancount': transaction.depth,
      '@@spid': login.spid,
      '@@error': this.#state.lastError,
      '@@version': 'Microsoft SQL Server 2022 (local engine on PostgreSQL)',
      '@@servername': 'local-engine',
      '@@max_precision': 38,
      '@@lock_timeout': options.lockTimeout,
      'db_name()': connection.database,
      'app_name()': login.applicationName,
      'suser_sname()': login.user,
      'original_login()': login.user,
      system_user: login.user,
      'user_name()': 'dbo',
      'host_name()': 'localhost',
      'xact_state()': Math.min(transaction.depth, 1),
      'error_number()': error?.number,
      'error_message()': error?.message,
      'error_severity()': error?.class,
      'error_state()': error?.state,
      'error_line()': error === undefined ? null : 1,
    }
    const value = values[name]
    return value === undefined || value === null ? null : String(value)
  }

  async #value(piece: Piece, type?: SqlType): Promise<string | null> {
    const { connection } = this.#state
    const { result, inputs } = translateExpression(piece, await connection.catalogue(), this.#batch.declarations)
    const sql = type === undefined ? result : cast(result, type)
    const answer = await this.#guarded('SELECT', () => connection.query(`SELECT ${sql}`, this.#inputs(inputs)))
    return answer.rows[0]?.[0] ?? null
  }

  async #holds(condition: Piece): Promise<boolean> {
    const value = await this.#value(condition)
    return value === 't' || value === 'true'
  }

  async #assign(variable: string, value: Piece): Promise<void> {
    const type = this.#batch.declarations.variables.get(variable)
    if (type === undefined) throw new SqlError(137, `Must declare the scalar variable "${variable}".`, 15, 2)
    this.#variables.set(variable, await this.#value(value, type))
  }

  async *#while(loop: Extract<Statement, { kind: 'while' }>, inTry: boolean): AsyncGenerator<ResultItem> {
    while (await this.#holds(loop.condition)) {
      try {
        yield* this.#all([loop.body], inTry)
      } catch (thrown) {
        if (!(thrown instanceof Jump) || thrown.to === 'return') throw thrown
        if (thrown.to === 'break') return
      }
    }
  }

  async *#try(statement: Extract<Statement, { kind: 'try' }>, inTry: boolean): AsyncGenerator<ResultItem> {
    try {
      yield* this.#all(statement.body, true)
    } catch (error) {
      if (!(error instanceof SqlError) || error.number === 50_001) throw error
      const outer = this.#caught
      this.#caught = error
      yield* this.#all(statement.handler, inTry)
      this.#caught = outer
    }
  }

  async #throw({ error }: Extract<Statement, { kind: 'throw' }>): Promise<never> {
    if (error === undefined) {
      throw (
        this.#caught ??
        new SqlError(10_704, 'To rethrow an error, a THROW statement must be used inside a CATCH block.')
      )
    }
    const number = Number(await this.#value(error.number))
    const message = (await this.#value(error.message)) ?? ''
    throw new Thrown(number, message, 16, Number(await this.#value(error.state)))
  }

  async *#raise(statement: Extract<Statement, { kind: 'raiserror' }>): AsyncGenerator<ResultItem> {
    const message = (await this.#value(statement.message)) ?? ''
    const error = new SqlError(50_000, message, statement.severity, statement.state)
    if (statement.severity > 10) throw error
    yield { kind: 'info', ...error.toMessage() }
  }

  async #option(name: string, value: string): Promise<void> {
    const { options, connection } = this.#state
    if (name === 'nocount') options.noCount = value === 'on'
    else if (name === 'fmtonly') options.fmtOnly = value === 'on'
    else if (name === 'xact_abort') options.xactAbort = value === 'on'
    else if (name === 'identity_insert') options.identityInsert = value
    else if (name === 'lock_timeout') {
      options.lockTimeout = Number(value)
      await connection.script(lockTimeoutOf(options.lockTimeout))
    } else if (!IGNORED_OPTIONS.has(name)) throw new SqlError(50_001, `The local engine does not support SET ${name}.`)
  }

  /** `DBCC USEROPTIONS`, with the options that have an effect here. */
  async *#userOptions(): AsyncGenerator<ResultItem> {
    const { options, transaction } = this.#state
    const level = transaction.isolation.toLowerCase()
    const text = { name: 'nvarchar', length: 256 } as const
    const rows = [
      ['lock_timeout', String(options.lockTimeout)],
      ...(options.noCount ? [['nocount', 'SET']] : []),
      ...(options.xactAbort ? [['xact_abort', 'SET']] : []),
      // As reported by a database with row versioning, the default of Azure SQL.
      ['isolation level', level === 'read committed' ? 'read committed snapshot' : level],
    ]
    yield {
      kind: 'columns',
      columns: [
        { name: 'Set Option', type: text },
        { name: 'Value', type: text },
      ],
    }
    for (const values of rows) yield { kind: 'row', values }
    yield this.#done(rows.length)
  }

  async *#use(name: string): AsyncGenerator<ResultItem> {
    const { databases, transaction, connection } = this.#state
    const database = await databases.find(name)
    if (database === undefined) {
      throw new SqlError(911, `Database '${name}' does not exist. Make sure that the name is entered correctly.`)
    }
    if (transaction.depth > 0) throw new SqlError(50_001, 'The local engine does not support USE within a transaction.')
    this.#state.connection = await DatabaseConnection.open(database, databases)
    await connection.close()
    yield { kind: 'database', name: database }
  }

  async #execute(statement: Extract<Statement, { kind: 'execute' }>): Promise<void> {
    const values: (string | null)[] = []
    for (const { value } of statement.values) values.push(await this.#value(value))
    const names = statement.values.map(({ name }) => name)
    const result = await this.#guarded('SELECT', () =>
      executeProcedure(statement.procedure, names, values, this.#state.connection),
    )
    if (statement.result !== undefined) this.#variables.set(statement.result, String(result))
  }
}

/** An error raised by THROW. It ends the batch, whatever its number. */
class Thrown extends SqlError {}

/** PostgreSQL's `SET LOCK_TIMEOUT`. 0 means no wait in SQL Server, but wait forever in PostgreSQL. */
export function lockTimeoutOf(ms: number): string {
  return `SET lock_timeout = ${ms < 0 ? 0 : Math.max(ms, 1)}`
}

/** Options that drivers and tools set, and that match the engine's behaviour or have no effect here. */
const IGNORED_OPTIONS = new Set([
  'ansi_nulls',
  'ansi_null_dflt_on',
  'ansi_padding',
  'ansi_warnings',
  'arithabort',
  'concat_null_yields_null',
  'cursor_close_on_commit',
  'datefirst',
  'dateformat',
  'implicit_transactions',
  'language',
  'numeric_roundabort',
  'quoted_identifier',
  'textsize',
])
