/** A parameter of a tedious `Request`, as it stands in `request.parameters` before the request is executed. */
export interface Parameter {
  type: { name: string }
  value: unknown
  output: boolean
  /** In characters of `nvarchar`, in bytes of the others; by the value where there is none. */
  length?: number | null | undefined
}

/** The most that a type holds short of `(max)`, and the size of a value in the same unit. */
const SIZED: Readonly<Record<string, { most: number; sizeOf: (value: unknown) => number | undefined }>> = {
  NVarChar: { most: 4_000, sizeOf: (value) => (typeof value === 'string' ? value.length : undefined) },
  // As many as any collation makes of it: which one the database has is known to the driver alone.
  VarChar: { most: 8_000, sizeOf: (value) => (typeof value === 'string' ? Buffer.byteLength(value) : undefined) },
  VarBinary: { most: 8_000, sizeOf: (value) => (value instanceof Uint8Array ? value.length : undefined) },
}

/**
 * The length to declare a parameter with, so that all values up to `nvarchar(4000)`, `varchar(8000)` or
 * `varbinary(8000)` are declared alike, and all longer ones as `(max)`: a length beyond the type's own means that.
 *
 * @returns undefined for a parameter that stays as it is: an output, one whose length was given, any other type
 */
export function declaredLength({ type, value, output, length }: Parameter): number | undefined {
  const sized = SIZED[type.name]
  if (sized === undefined || output || length != null) return undefined
  const size = value == null ? 0 : sized.sizeOf(value)
  if (size === undefined) return undefined
  return size <= sized.most ? sized.most : sized.most + 1
}

/**
 * Gives the parameters of a request their size class. tedious declares a string or binary parameter by its value's
 * length (`nvarchar(17)`), and SQL Server keeps a plan for each declaration: 1,000 e-mails would be some dozens of
 * plans of one statement. Prisma 6 declared as this does.
 */
export function declareBySizeClass(parameters: readonly Parameter[]): void {
  for (const parameter of parameters) {
    const length = declaredLength(parameter)
    if (length !== undefined) parameter.length = length
  }
}
