import { EngineError } from './database.ts'
import type { Column, Table } from './tables.ts'

/** A type of SQL Server, Prisma's scalar for it, and the attribute that asks for it; none for the scalar's own. */
const TYPES: readonly (readonly [sql: RegExp, scalar: string, attribute?: string])[] = [
  [/^INT$/, 'Int'],
  [/^SMALLINT$/, 'Int', 'SmallInt'],
  [/^BIGINT$/, 'BigInt'],
  [/^BIT$/, 'Boolean'],
  [/^FLOAT\(53\)$/, 'Float'],
  [/^DECIMAL\(32,16\)$/, 'Decimal'],
  [/^DECIMAL\(/, 'Decimal', 'Decimal'],
  [/^DATETIME2$/, 'DateTime'],
  [/^DATETIMEOFFSET$/, 'DateTime', 'DateTimeOffset'],
  [/^NVARCHAR\(1000\)$/, 'String'],
  [/^NVARCHAR\(/, 'String', 'NVarChar'],
  [/^VARCHAR\(/, 'String', 'VarChar'],
  [/^UNIQUEIDENTIFIER$/, 'String', 'UniqueIdentifier'],
  [/^VARBINARY\(MAX\)$/, 'Bytes'],
]

/** A scalar's own type. */
const OWN: Readonly<Record<string, string>> = {
  Int: 'INT',
  BigInt: 'BIGINT',
  Boolean: 'BIT',
  Float: 'FLOAT(53)',
  Decimal: 'DECIMAL(32,16)',
  DateTime: 'DATETIME2',
  String: 'NVARCHAR(1000)',
  Bytes: 'VARBINARY(MAX)',
}

const MODEL = /^model\s+(\w+)\s*\{([^}]*)\}/gm
const FIELD = /^(\w+)\s+(\w+)(\?)?(.*)$/
const ATTRIBUTE = /@(?:db\.(\w+)(?:\(([^)]*)\))?|(\w+)(?:\(((?:[^()]|\(\))*)\))?)/g

/** The tables that a schema's models ask for. @throws {@link EngineError} for what the stand-in does not know */
export function tablesOf(schema: string): Table[] {
  return [...schema.matchAll(MODEL)].map(([, name = '', body = '']) => {
    const fields = body
      .split('\n')
      .map((line) => line.replace(/\/\/.*$/, '').trim())
      .filter((line) => line !== '')
      .map(fieldOf)
    return {
      name,
      columns: fields.map(({ column }) => column),
      primaryKey: fields.filter(({ isKey }) => isKey).map(({ column }) => column.name),
    }
  })
}

function fieldOf(line: string): { column: Column; isKey: boolean } {
  const [, name, scalar = '', optional, rest = ''] = FIELD.exec(line) ?? []
  let type = OWN[scalar]
  if (name === undefined || type === undefined) throw new EngineError(`The stand-in does not know "${line}".`)
  let isKey = false
  let identity = false
  for (const [text, native, args, attribute, value] of rest.matchAll(ATTRIBUTE)) {
    if (native !== undefined) type = native.toUpperCase() + (args === undefined ? '' : `(${args.toUpperCase()})`)
    else if (attribute === 'id') isKey = true
    else if (attribute === 'default' && value === 'autoincrement()') identity = true
    else throw new EngineError(`The stand-in does not know ${text}.`)
  }
  return { column: { name, type, nullable: optional !== undefined, identity }, isKey }
}

/** A schema with its models replaced by those of the tables. @throws {@link EngineError} for types it does not know */
export function withModels(schema: string, tables: readonly Table[]): string {
  const models = tables.map((table) => {
    const fields = table.columns.map((column) => `  ${fieldText(column, table.primaryKey.includes(column.name))}`)
    return `model ${table.name} {\n${fields.join('\n')}\n}`
  })
  return `${[schema.replace(MODEL, '').trimEnd(), ...models].join('\n\n')}\n`
}

function fieldText({ name, type, nullable, identity }: Column, isKey: boolean): string {
  const [, scalar, attribute] = TYPES.find(([sql]) => sql.test(type)) ?? []
  if (scalar === undefined) throw new EngineError(`The stand-in does not know the type ${type}.`)
  const args = /\(.*\)/.exec(type)?.[0].replace('MAX', 'Max') ?? ''
  return [
    name,
    scalar + (nullable ? '?' : ''),
    isKey && '@id',
    identity && '@default(autoincrement())',
    attribute && `@db.${attribute}${args}`,
  ]
    .filter(Boolean)
    .join(' ')
}
