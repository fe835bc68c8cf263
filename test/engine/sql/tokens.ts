import { incorrectSyntax, SqlError } from './sql-error.ts'

/** A token of T-SQL. `text` is the value: without quotes or brackets, keywords as written. */
export interface Token {
  kind: 'word' | 'name' | 'string' | 'number' | 'binary' | 'variable' | 'symbol' | 'end'
  text: string
}

const PATTERN = new RegExp(
  [
    '(?<space>\\s+|--[^\\n]*)',
    "(?<string>[Nn]?'(?:[^']|'')*')",
    '(?<bracketed>\\[(?:[^\\]]|\\]\\])*\\])',
    '(?<quoted>"(?:[^"]|"")*")',
    '(?<binary>0[xX][0-9a-fA-F]*)',
    '(?<number>(?:\\d+(?:\\.\\d*)?|\\.\\d+)(?:[eE][+-]?\\d+)?)',
    '(?<variable>@@?[\\p{L}_#$@][\\p{L}\\p{N}_#$@]*)',
    '(?<word>[\\p{L}_#][\\p{L}\\p{N}_#$@]*)',
    '(?<symbol><>|<=|>=|!=|!<|!>|\\+=|-=|\\*=|/=|[-+*/%=<>()&|^~.,;:])',
  ].join('|'),
  'uy',
)

/**
 * Splits T-SQL into tokens; the last has kind `end`.
 *
 * @throws {@link SqlError} 102, 105 or 113
 */
export function tokenize(sql: string): Token[] {
  const tokens: Token[] = []
  let at = 0
  while (at < sql.length) {
    if (sql.startsWith('/*', at)) {
      at = endOfComment(sql, at)
      continue
    }
    PATTERN.lastIndex = at
    const match = PATTERN.exec(sql)
    if (match === null || match.groups === undefined) throw malformed(sql, at)
    at = PATTERN.lastIndex
    const token = tokenOf(match.groups)
    if (token !== undefined) tokens.push(token)
  }
  tokens.push({ kind: 'end', text: '' })
  return tokens
}

function tokenOf(groups: Record<string, string | undefined>): Token | undefined {
  const { string, bracketed, quoted, binary, number, variable, word, symbol } = groups
  if (string !== undefined) {
    return { kind: 'string', text: string.slice(string.indexOf("'") + 1, -1).replaceAll("''", "'") }
  }
  if (bracketed !== undefined) return { kind: 'name', text: bracketed.slice(1, -1).replaceAll(']]', ']') }
  if (quoted !== undefined) return { kind: 'name', text: quoted.slice(1, -1).replaceAll('""', '"') }
  if (binary !== undefined) return { kind: 'binary', text: binary.slice(2) }
  if (number !== undefined) return { kind: 'number', text: number }
  if (variable !== undefined) return { kind: 'variable', text: variable.toLowerCase() }
  if (word !== undefined) return { kind: 'word', text: word }
  if (symbol !== undefined) return { kind: 'symbol', text: symbol === '!=' ? '<>' : symbol }
  return undefined
}

/** Comments nest in T-SQL. */
function endOfComment(sql: string, start: number): number {
  let depth = 0
  for (let at = start; at < sql.length; ) {
    if (sql.startsWith('/*', at)) {
      depth++
      at += 2
    } else if (sql.startsWith('*/', at)) {
      depth--
      at += 2
      if (depth === 0) return at
    } else at++
  }
  throw new SqlError(113, "Missing end comment mark '*/'.", 15)
}

function malformed(sql: string, at: number): SqlError {
  const quote = sql[at] === 'N' || sql[at] === 'n' ? sql[at + 1] : sql[at]
  if (quote === "'" || quote === '"' || quote === '[') {
    return new SqlError(105, `Unclosed quotation mark after the character string '${sql.slice(at + 1, at + 60)}'.`, 15)
  }
  return incorrectSyntax(String.fromCodePoint(sql.codePointAt(at) ?? 0))
}
