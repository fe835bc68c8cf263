/** The interface between the engine's two halves: the wire sends requests, the SQL half answers. */

/** A data type of SQL Server. Lengths in characters or bytes, as SQL Server counts them. */
export type SqlType =
  | {
      name:
        | 'bit'
        | 'tinyint'
        | 'smallint'
        | 'int'
        | 'bigint'
        | 'real'
        | 'float'
        | 'money'
        | 'smallmoney'
        | 'date'
        | 'datetime'
        | 'smalldatetime'
        | 'text'
        | 'ntext'
        | 'image'
        | 'xml'
        | 'uniqueidentifier'
    }
  | { name: 'char' | 'varchar' | 'nchar' | 'nvarchar' | 'binary' | 'varbinary'; length: number | 'max' }
  | { name: 'decimal' | 'numeric'; precision: number; scale: number }
  | { name: 'time' | 'datetime2' | 'datetimeoffset'; scale: number }

/**
 * A value: a number for integers up to int and for real and float, a bigint for bigint, a boolean for bit, a string for
 * decimal, money, text, uniqueidentifier and all dates (as SQL Server prints them: `2024-01-02`, `12:34:56.1234567`,
 * `2024-01-02 12:34:56.123`, `2024-01-02 12:34:56.1234567 +02:00`), a Buffer for binary.
 */
export type SqlValue = null | number | bigint | boolean | string | Buffer

/** A column of a result. */
export interface Column {
  name: string
  type: SqlType
}

/** A parameter of `sp_executesql`, its name with the `@`. */
export interface Parameter {
  name: string
  type: SqlType
  value: SqlValue
}

/** An error or a message, as in an ERROR or INFO token. */
export interface SqlMessage {
  number: number
  state: number
  class: number
  message: string
  line: number
}

/** The results of a batch, in order. */
export type ResultItem =
  | { kind: 'columns'; columns: Column[] }
  | { kind: 'row'; values: SqlValue[] }
  /** The end of one statement; `rowCount` is absent for statements without a count (SET, DDL, NOCOUNT ON). */
  | { kind: 'done'; rowCount?: number }
  | ({ kind: 'info' | 'error' } & SqlMessage)
  | { kind: 'transaction'; change: 'begin' | 'commit' | 'rollback' }
  | { kind: 'database'; name: string }
  /** Of a statement that was prepared. */
  | { kind: 'handle'; name: string; handle: number }

export type IsolationLevel = 'READ UNCOMMITTED' | 'READ COMMITTED' | 'REPEATABLE READ' | 'SERIALIZABLE' | 'SNAPSHOT'

/** One session. SQL errors are items; a rejection is a bug in the engine. */
export interface EngineSession {
  execute(sql: string, parameters: Parameter[]): AsyncIterable<ResultItem>
  /** `sp_executesql`: the options that it sets end with it. */
  executeSql(sql: string, parameters: Parameter[]): AsyncIterable<ResultItem>
  begin(isolation: IsolationLevel | undefined): AsyncIterable<ResultItem>
  commit(): AsyncIterable<ResultItem>
  /** @param name - a savepoint to go back to; empty for all of the transaction */
  rollback(name: string): AsyncIterable<ResultItem>
  save(name: string): AsyncIterable<ResultItem>
  /** `sp_reset_connection`: rolls back and resets the session's options. */
  reset(): Promise<void>
  /** Attention: stops the running statement. */
  cancel(): void
  close(): Promise<void>
}

/** A login: the user, the database and the program. */
export interface EngineLogin {
  user: string
  password: string
  database: string
  applicationName: string
  spid: number
}
