import { type DriverConnection, requireMembers } from './official-adapter.ts'

/** A parameter of a tedious `Request`, in `request.parameters` before the request is executed. */
export interface DriverParameter {
  type: { name: string }
  value: unknown
  output: boolean
  /** In characters for `nvarchar`, otherwise in bytes; if there is none, the value's length counts. */
  length?: number | null | undefined
}

/** The largest size of a type below `(max)`, and the size of a value in the same unit. */
const SIZED: Readonly<Record<string, { most: number; sizeOf: (value: unknown) => number | undefined }>> = {
  NVarChar: { most: 4_000, sizeOf: (value) => (typeof value === 'string' ? value.length : undefined) },
  // The most bytes that any collation needs: only the driver knows the database's own.
  VarChar: { most: 8_000, sizeOf: (value) => (typeof value === 'string' ? Buffer.byteLength(value) : undefined) },
  VarBinary: { most: 8_000, sizeOf: (value) => (value instanceof Uint8Array ? value.length : undefined) },
}

/**
 * The length to declare a parameter with. All values up to `nvarchar(4000)`, `varchar(8000)` or `varbinary(8000)` are
 * declared alike, and all longer ones as `(max)`, which is what a length beyond the type's own means.
 *
 * @returns undefined for a parameter that stays as it is: an output, one with a given length, any other type
 */
function declaredLength({ type, value, output, length }: DriverParameter): number | undefined {
  const sized = SIZED[type.name]
  if (sized === undefined || output || length != null) return undefined
  const size = value == null ? 0 : sized.sizeOf(value)
  if (size === undefined) return undefined
  return size <= sized.most ? sized.most : sized.most + 1
}

/**
 * Gives the parameters of a request their size class. tedious declares a string or binary parameter by its value's
 * length (`nvarchar(17)`), and SQL Server keeps a plan for each declaration: 1,000 email addresses would take dozens of
 * plans for one statement. Prisma 6 declared them as this does.
 */
export function declareBySizeClass(parameters: readonly DriverParameter[]): void {
  for (const parameter of parameters) {
    const length = declaredLength(parameter)
    if (length !== undefined) parameter.length = length
  }
}

/** A column of a result, as tedious describes it. */
export interface DriverColumn {
  colName: string
  type: { name: string }
  precision?: number | undefined
  scale?: number | undefined
  dataLength?: number | undefined
}

/** A column whose values tedious reads as doubles, though they may have more digits than a double holds. */
export interface InexactColumn {
  column: string
  precision: number
  scale: number
}

/** The decimal digits that every double holds. */
const EXACT_DIGITS = 15

/** The first column whose values may be read inexactly. */
export function inexactColumn(columns: readonly DriverColumn[]): InexactColumn | undefined {
  for (const { colName: column, type, precision = 0, scale = 0, dataLength } of columns) {
    if (/^(?:Decimal|Numeric)/.test(type.name) && precision > EXACT_DIGITS) return { column, precision, scale }
    // `smallmoney` has 4 bytes.
    if (/^Money/.test(type.name) && dataLength !== 4) return { column, precision: 19, scale: 4 }
  }
  return undefined
}

/** The parts of a tedious connection and request that are not in their types. */
interface Requesting {
  makeRequest(request: { parameters?: DriverParameter[]; callback(error: Error): void }, ...rest: unknown[]): void
  execSql(request: {
    parameters?: DriverParameter[]
    /** The columns are an array, or by name. */
    on?(event: 'columnMetadata', listener: (columns: Record<string, DriverColumn>) => void): void
  }): void
}

/**
 * Makes each statement of a connection declare its parameters by size class, and sends none after the token's end.
 *
 * @param onColumns - called with the columns of each result
 */
export function watchRequests(
  connection: DriverConnection,
  maySend: () => boolean,
  onColumns: (columns: readonly DriverColumn[]) => void,
): void {
  const driver = connection as unknown as Requesting
  requireMembers(connection, 'function', ['makeRequest'])
  const { execSql, makeRequest } = driver
  driver.execSql = (request) => {
    declareBySizeClass(request.parameters ?? [])
    request.on?.('columnMetadata', (columns) => onColumns(Object.values(columns)))
    execSql.call(driver, request)
  }
  driver.makeRequest = (request, ...rest) => {
    if (maySend()) makeRequest.call(driver, request, ...rest)
    // As tedious answers a request that cannot be sent.
    else request.callback(Object.assign(new Error('The token has expired.'), { code: 'EINVALIDSTATE' }))
  }
}
