import { TRANSLATORS } from './batch.ts'
import type { Catalogue } from './catalogue.ts'
import type { Definition } from './ddl.ts'
import type { Change } from './dml.ts'
import { expression, untypedAsText } from './expressions.ts'
import { type Select, select } from './select.ts'
import type { Piece } from './statements.ts'
import { type Declarations, type Input, Translation } from './translation.ts'

/** A translated piece and the inputs that it needs. */
export interface Translated<T> {
  result: T
  inputs: readonly Input[]
  /** The tables that it refers to. */
  tables: readonly string[]
}

interface Entry {
  catalogue: Catalogue
  translated: Translated<unknown>
}

/** Cached with the batch, so a repeated statement is not translated again. */
const cache = new WeakMap<Piece, Entry>()

function cached<T>(
  piece: Piece,
  catalogue: Catalogue,
  declarations: Declarations,
  read: (t: Translation) => T,
): Translated<T> {
  const entry = cache.get(piece)
  if (entry?.catalogue === catalogue) return entry.translated as Translated<T>
  const t = new Translation(piece.tokens, catalogue, declarations)
  const result = read(t)
  if (!t.atEnd) throw t.unexpected()
  const translated = { result, inputs: t.inputs, tables: [...t.tables] }
  cache.set(piece, { catalogue, translated })
  return translated
}

export function translateQuery(piece: Piece, catalogue: Catalogue, declarations: Declarations): Translated<Select> {
  return cached(piece, catalogue, declarations, select)
}

export function translateChange(piece: Piece, catalogue: Catalogue, declarations: Declarations): Translated<Change> {
  return cached(piece, catalogue, declarations, (t) => {
    return TRANSLATORS.CHANGES[t.next().text.toUpperCase()]?.(t) as Change
  })
}

export function translateDefinition(piece: Piece, catalogue: Catalogue, d: Declarations): Translated<Definition> {
  return cached(piece, catalogue, d, (t) => TRANSLATORS.DEFINITIONS[t.next().text.toUpperCase()]?.(t) as Definition)
}

/** A value or a condition, as SQL for PostgreSQL. */
export function translateExpression(piece: Piece, catalogue: Catalogue, d: Declarations): Translated<string> {
  return cached(piece, catalogue, d, (t) => untypedAsText(expression(t)))
}
