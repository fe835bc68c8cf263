import { createRequire } from 'node:module'
import { relative, resolve } from 'node:path'
import type { config as MssqlConfig } from 'mssql'
import { recordingDatasources } from '../config/datasource-recorder.ts'
import { EntraError } from '../errors/entra-error.ts'
import type { EntraDatasourceOptions } from '../prisma-config.ts'

/** What `entraDatasource` takes. */
export interface Datasource {
  config: MssqlConfig | string
  options: EntraDatasourceOptions
}

/** The part of `@prisma/config` that loads a config file, with TypeScript in it, as Prisma's commands do. */
interface Loader {
  loadConfigFromFile(input: { configFile?: string; configRoot: string }): Promise<Loaded>
}

interface Loaded {
  /** Null if there is no file. */
  resolvedPath: string | null
  config?: { datasource?: { url?: string } }
  error?: { _tag: string; error?: Error }
}

/**
 * What a `prisma.config.ts` of this folder gives to `entraDatasource` for its `datasource`.
 *
 * @param file - by default, the one that Prisma's commands would read
 * @returns undefined if you named no file, and there is none that uses `entraDatasource`
 * @throws {@link EntraError} `CONFIG_INVALID`
 */
export async function readPrismaConfig(file?: string): Promise<Datasource | undefined> {
  const configRoot = process.cwd()
  const loader = loaderOf(configRoot)
  if (loader === undefined) {
    if (file === undefined) return undefined
    throw new EntraError(
      'CONFIG_INVALID',
      '--config reads the file as Prisma does, and Prisma is not installed here: npm install --save-dev prisma',
    )
  }
  const configFile = file === undefined ? {} : { configFile: resolve(configRoot, file) }
  const [{ resolvedPath, config, error }, calls] = await withStdoutKept(() =>
    recordingDatasources(() => loader.loadConfigFromFile({ ...configFile, configRoot })),
  )
  const name = file ?? (relative(configRoot, resolvedPath ?? '') || "Prisma's config file")
  if (error !== undefined) {
    const why = error._tag === 'ConfigFileNotFound' ? 'there is no such file' : (error.error?.message ?? error._tag)
    throw new EntraError('CONFIG_INVALID', `${name} cannot be read: ${why}`, { cause: error.error })
  }
  const call = calls.get(config?.datasource?.url ?? '')
  if (call === undefined) {
    if (file === undefined) return undefined
    throw new EntraError(
      'CONFIG_INVALID',
      `The datasource of ${name} is not that of entraDatasource. Write datasource: await entraDatasource(…), or pass --url.`,
    )
  }
  if (call.config === undefined || call.config === '') {
    throw new EntraError(
      'CONFIG_INVALID',
      `${name} calls entraDatasource without a connection string: the variable that it reads is not set.`,
    )
  }
  return { config: call.config, options: call.options }
}

/** Undefined if the project has no Prisma. */
function loaderOf(folder: string): Loader | undefined {
  try {
    const prisma = createRequire(resolve(folder, 'package.json')).resolve('prisma/package.json')
    return createRequire(prisma)('@prisma/config')
  } catch {
    return undefined
  }
}

/** Keeps standard output for what the command prints: dotenv, for example, writes there. */
async function withStdoutKept<T>(work: () => Promise<T>): Promise<T> {
  const { log, info } = console
  console.log = console.info = console.error
  try {
    return await work()
  } finally {
    Object.assign(console, { log, info })
  }
}
