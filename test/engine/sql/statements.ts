import type { IsolationLevel, SqlType } from '../session.ts'
import type { Token } from './tokens.ts'

/** A piece of T-SQL. It is translated when it runs, because earlier statements may change its meaning. */
export interface Piece {
  tokens: Token[]
}

/** A statement of a batch. */
export type Statement =
  | { kind: 'query' | 'change'; piece: Piece }
  | { kind: 'definition'; piece: Piece }
  | { kind: 'set'; variable: string; value: Piece }
  | { kind: 'declareTable'; name: string; columns: { name: string; type: SqlType }[] }
  | { kind: 'block'; body: Statement[] }
  | { kind: 'if'; condition: Piece; then: Statement; else: Statement | undefined }
  | { kind: 'while'; condition: Piece; body: Statement }
  | { kind: 'break' | 'continue' | 'return' }
  | { kind: 'try'; body: Statement[]; handler: Statement[] }
  | { kind: 'begin' | 'commit' }
  | { kind: 'rollback' | 'save'; name: string }
  | { kind: 'option'; name: string; value: string }
  | { kind: 'isolation'; level: IsolationLevel }
  | { kind: 'useroptions' }
  | { kind: 'print'; value: Piece }
  | { kind: 'throw'; error: { number: Piece; message: Piece; state: Piece } | undefined }
  | { kind: 'raiserror'; message: Piece; severity: number; state: number }
  | { kind: 'use'; database: string }
  | { kind: 'waitfor'; milliseconds: number }
  | {
      kind: 'execute'
      procedure: string
      result: string | undefined
      values: { name: string | undefined; value: Piece }[]
    }
