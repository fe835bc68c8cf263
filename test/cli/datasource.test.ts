import { rm } from 'node:fs/promises'
import { afterEach, describe, expect, it, vi } from 'vitest'
import { datasourceOf } from '../../src/cli/datasource.ts'
import type { SignInFlags } from '../../src/cli/flags.ts'
import { recordedOutput } from '../support/recorded-output.ts'
import { configFile, LIGHT_IMPORTS, makeProject } from './config-project.ts'

const folders: string[] = []
afterEach(async () => {
  vi.restoreAllMocks()
  await Promise.all(folders.splice(0).map((folder) => rm(folder, { recursive: true })))
})

/** What is found in a folder with these files. */
async function found(
  files: Readonly<Record<string, string>>,
  flags: SignInFlags = {},
  environment: NodeJS.ProcessEnv = {},
  hasPackages = true,
) {
  const folder = await makeProject(files, hasPackages)
  folders.push(folder)
  vi.spyOn(process, 'cwd').mockReturnValue(folder)
  const { out: err, text } = recordedOutput()
  const datasource = await datasourceOf(undefined, flags, { environment, err })
  return { ...datasource, said: text() }
}

const FILE = configFile(`'sqlserver://h;database=from_file', { shadowDatabase: 's', tenantId: 't', scope: 'mine' }`)
const FROM_FILE = {
  config: 'sqlserver://h;database=from_file',
  options: { shadowDatabase: 's', tenantId: 't', scope: 'mine' },
  said: '',
}
const DATABASE_URL = 'sqlserver://h;database=from_environment'
const FROM_ENVIRONMENT = { config: DATABASE_URL, options: {}, said: '' }
const OTHER_DATASOURCE = `${LIGHT_IMPORTS}export default defineConfig({ datasource: { url: 'sqlserver://other' } })`

describe('without a connection string on the command line', () => {
  it.each(['prisma.config.ts', 'prisma7.config.mts', '.config/prisma.ts'])(
    'what %s gives to entraDatasource comes before DATABASE_URL',
    async (name) => {
      expect(await found({ [name]: FILE }, {}, { DATABASE_URL })).toEqual(FROM_FILE)
    },
  )

  it('a file that --config names is read instead', async () => {
    const files = { 'prisma.config.ts': OTHER_DATASOURCE, 'config/db.config.ts': FILE }
    expect(await found(files, { config: 'config/db.config.ts' })).toEqual(FROM_FILE)
  })

  it('flags override what the file says, and --authentication its credential', async () => {
    const file = configFile(`'sqlserver://h', { credential: async () => undefined, tenantId: 't', schema: 'sales' }`)
    const flags = { authentication: ['AzureCli'], tenantId: 'u' }
    const { options } = await found({ 'prisma.config.ts': file }, flags)
    expect(options).toEqual({ authentication: 'AzureCli', tenantId: 'u', schema: 'sales' })
  })

  it('the file can read .env, and prints nothing to standard output', async () => {
    const log = vi.spyOn(console, 'log').mockReturnValue()
    const error = vi.spyOn(console, 'error').mockReturnValue()
    const file = `console.log('loaded')\n${configFile('process.env.DATASOURCE_TEST')}`
    const files = { 'prisma.config.ts': file, '.env': 'DATASOURCE_TEST="sqlserver://from-env"' }
    const { config } = await found(files, {}, process.env)
    delete process.env.DATASOURCE_TEST
    expect(config).toBe('sqlserver://from-env')
    expect(log).not.toHaveBeenCalled()
    expect(error).toHaveBeenCalledWith('loaded')
  })

  it('of several datasources, the one that the file exports counts', async () => {
    const file = `${LIGHT_IMPORTS}
      const datasource = await entraDatasource('sqlserver://first')
      await entraDatasource('sqlserver://second')
      export default defineConfig({ datasource })`
    expect((await found({ 'prisma.config.ts': file })).config).toBe('sqlserver://first')
  })

  it.each<[string, Record<string, string>, boolean]>([
    ['there is no file', {}, true],
    ['the file has another datasource', { 'prisma.config.ts': OTHER_DATASOURCE }, true],
    ['Prisma is not installed', { 'prisma.config.ts': FILE }, false],
  ])('DATABASE_URL is used if %s', async (_, files, hasPackages) => {
    expect(await found(files, {}, { DATABASE_URL }, hasPackages)).toEqual(FROM_ENVIRONMENT)
    await expect(found(files, {}, {}, hasPackages)).rejects.toThrow(/There is no connection string/)
  })

  it.each([
    ['cannot be loaded', 'throw new Error("broken")', /config file cannot be read: broken/],
    ['calls entraDatasource without a string', configFile('undefined'), /without a connection string: the variable/],
  ])('a file that %s is an error, unless there is DATABASE_URL', async (_, text, problem) => {
    const files = { 'prisma.config.ts': text }
    await expect(found(files)).rejects.toThrow(problem)
    const { said, config } = await found(files, {}, { DATABASE_URL })
    expect(config).toBe(DATABASE_URL)
    expect(said).toMatch(problem)
    expect(said).toContain('DATABASE_URL is used instead.')
  })

  it.each<[string, Record<string, string>, SignInFlags, boolean, RegExp]>([
    ['does not exist', {}, { config: 'x.ts' }, true, /x\.ts cannot be read: there is no such file/],
    [
      'cannot be loaded',
      { 'x.ts': 'throw new Error("broken")' },
      { config: 'x.ts' },
      true,
      /x\.ts cannot be read: brok/,
    ],
    [
      'has another datasource',
      { 'x.ts': OTHER_DATASOURCE },
      { config: 'x.ts' },
      true,
      /is not that of entraDatasource/,
    ],
    ['needs Prisma', { 'x.ts': FILE }, { config: 'x.ts' }, false, /npm install --save-dev prisma/],
    ['stands beside a string', {}, { config: 'x.ts', url: 'sqlserver://h' }, true, /only one of these/],
  ])(
    'a file of --config that %s is an error, whatever DATABASE_URL is',
    async (_, files, flags, hasPackages, problem) => {
      await expect(found(files, flags, { DATABASE_URL }, hasPackages)).rejects.toThrow(problem)
    },
  )
})
