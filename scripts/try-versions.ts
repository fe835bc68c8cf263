import { chmodSync, cpSync, existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { delimiter, dirname, join } from 'node:path'
import { generateClient, ROOT, run, runNpm } from './support/commands.ts'

const help = `Runs tests on other versions of what the package stands on, each set in a copy of the repository.

  npm run try:versions                                   the oldest and the newest that package.json allows, and the
                                                         drivers of DRIVERS with the tests of test/driver
  npm run try:versions -- prisma=7.5.0                   one set: @prisma/client, prisma and @prisma/adapter-mssql
  npm run try:versions -- node=24 tedious=20 @azure/identity=4.14 test/integration/reading.test.ts
                                                         one set, and the tests to run on it`

const PRISMA = ['@prisma/client', 'prisma', '@prisma/adapter-mssql']
const SETS = [['prisma=7.5.0'], ['node=22', 'tedious=20', '@azure/identity=4.14']]
/** A tedious before 19.2.1 is refused: test/driver has that. */
const DRIVERS = [
  ['mssql=12.6.0', 'tedious=19.2.2'],
  ...['20.0.0', '20.3.9'].map((tedious) => ['node=24', `tedious=${tedious}`]),
]
const TESTS = [
  ...['reading', 'writing', 'nested-writing', 'transactions', 'rotation', 'connecting', 'disconnecting', 'errors'],
  ...['types', 'raw', 'filters', 'aggregates', 'isolation', 'tls', 'credentials'],
].map((name) => `test/integration/${name}.test.ts`)

/** What Prisma came to do only later: the tests of it fail on versions before. */
const LATER_IN_PRISMA: readonly { test: string; since: string }[] = [
  { test: 'a violated constraint gives P2002 with the table if it is a unique constraint', since: '7.10.0' },
  { test: 'a violated constraint gives P2002 with the index if it is a unique index', since: '7.10.0' },
]

function isPrismasOwn(test: string, prisma: string): boolean {
  const later = LATER_IN_PRISMA.find((each) => each.test === test)
  return later !== undefined && prisma.localeCompare(later.since, 'en', { numeric: true }) < 0
}

/** Runs a JavaScript file in the copy, with the Node of the set. */
type Runner = (args: readonly string[]) => string

/**
 * Another Node, as the npm package `node` has it; npx keeps it, so that the next time is quick.
 *
 * @returns where it is, and an environment in which `node` is this one too
 */
function findNode(version: string): { node: string; env: Record<string, string> } {
  const folder = mkdtempSync(join(tmpdir(), 'find-node-'))
  try {
    const args = ['exec', '--yes', `--package=node@${version}`, '--', 'node', '-p', 'process.execPath']
    const node = runNpm(args, { cwd: folder }).trim()
    return { node, env: { PATH: [dirname(node), process.env.PATH].join(delimiter) } }
  } finally {
    rmSync(folder, { recursive: true, force: true })
  }
}

/** @param set - `name=version` each */
function tryVersions(set: readonly string[], tests: readonly string[]): void {
  const folder = mkdtempSync(join(tmpdir(), 'try-versions-'))
  // The tests run PostgreSQL as nobody where they run as root.
  chmodSync(folder, 0o755)
  const version = set.find((pair) => pair.startsWith('node='))?.slice('node='.length)
  const { node, env } = version === undefined ? { node: process.execPath, env: {} } : findNode(version)
  const on: Runner = (args) => run(node, args, { cwd: folder, env })
  try {
    copyRepository(folder)
    runNpm(['install', '--ignore-scripts', '--no-audit', '--no-fund', '--save-exact', ...set.flatMap(packagesOf)], {
      cwd: folder,
      env,
    })
    console.log(`  installed: ${whatWasInstalled(folder)}`)
    generateClient(folder)
    on([join(folder, 'node_modules/typescript/bin/tsc'), '-p', 'tsconfig.build.json'])
    console.log('  the build passes')
    const { passed, failed } = runTests(folder, tests, on)
    const prisma = versionOf(folder, '@prisma/client')
    const unexpected = failed.filter(({ test }) => !isPrismasOwn(test, prisma))
    console.log(`  ${passed} tests passed, ${failed.length} failed, ${unexpected.length} of them for no known reason`)
    for (const failure of failed) {
      const { test, why } = failure
      console.log(unexpected.includes(failure) ? `  ✗ ${test}\n${why}` : `  Prisma itself: ${test}`)
    }
    if (unexpected.length > 0) throw new Error('Not all of it works.')
  } finally {
    rmSync(folder, { recursive: true, force: true })
  }
}

interface Result {
  fullName: string
  status: string
  failureMessages: string[]
}

interface VitestReport {
  success: boolean
  numPassedTests: number
  testResults: { name: string; message: string; assertionResults: Result[] }[]
}

interface Outcome {
  /** How many. */
  passed: number
  failed: { test: string; why: string }[]
}

function runTests(folder: string, tests: readonly string[], on: Runner): Outcome {
  const report = join(folder, 'vitest.json')
  const args = ['run', '--reporter=json', `--outputFile=${report}`, ...tests]
  try {
    on([join(folder, 'node_modules/vitest/vitest.mjs'), ...args])
  } catch (error) {
    if (!existsSync(report)) throw error
  }
  const { success, numPassedTests, testResults }: VitestReport = JSON.parse(readFileSync(report, 'utf8'))
  const failed = testResults.flatMap(({ name, message, assertionResults }) => [
    ...(message === '' ? [] : [{ test: name, why: message }]),
    ...assertionResults
      .filter(({ status }) => status === 'failed')
      .map(({ fullName, failureMessages }) => ({ test: fullName, why: failureMessages.join('\n') })),
  ])
  if (!success && failed.length === 0) throw new Error('The tests failed, and none of them did.')
  return { passed: numPassedTests, failed }
}

function versionOf(folder: string, name: string): string {
  return JSON.parse(readFileSync(join(folder, 'node_modules', name, 'package.json'), 'utf8')).version
}

function packagesOf(pair: string): string[] {
  const [name = '', version] = pair.split('=')
  if (name === 'node') return []
  return (name === 'prisma' ? PRISMA : [name]).map((one) => `${one}@${version}`)
}

/** What git knows, or would with the next `git add`. */
function copyRepository(folder: string): void {
  const files = run('git', ['ls-files', '-co', '--exclude-standard', '-z']).split('\0')
  for (const file of files.filter((name) => name !== '' && existsSync(join(ROOT, name)))) {
    mkdirSync(dirname(join(folder, file)), { recursive: true })
    cpSync(join(ROOT, file), join(folder, file))
  }
}

/** The driver may be there twice: the official adapter has its own where the range of mssql differs. */
function whatWasInstalled(folder: string): string {
  const { packages } = JSON.parse(readFileSync(join(folder, 'node_modules/.package-lock.json'), 'utf8'))
  const shown = /node_modules\/(@prisma\/adapter-mssql|@prisma\/client|mssql|tedious|@azure\/identity)$/
  return Object.entries<{ version: string }>(packages)
    .filter(([path]) => shown.test(path))
    .map(([path, { version }]) => `${path.replaceAll('node_modules/', '')} ${version}`)
    .join(', ')
}

function main(args: readonly string[]): void {
  const pairs = args.filter((arg) => arg.includes('='))
  const tests = args.filter((arg) => !arg.includes('='))
  const failed: string[] = []
  const given = { sets: pairs.length > 0 ? [pairs] : SETS, tests: tests.length > 0 ? tests : TESTS }
  const drivers = { sets: args.length > 0 ? [] : DRIVERS, tests: ['test/driver'] }
  const runs = [given, drivers].flatMap((each) => each.sets.map((set) => ({ set, tests: each.tests })))
  for (const { set, tests } of runs) {
    console.log(`\n▶ ${set.join(' ')}`)
    try {
      tryVersions(set, tests)
    } catch (error) {
      failed.push(set.join(' '))
      console.error(error instanceof Error ? error.message : error)
    }
  }
  if (failed.length > 0) {
    console.error(`\nFailed: ${failed.join('; ')}`)
    process.exitCode = 1
  }
}

if (process.argv.includes('--help')) console.log(help)
else main(process.argv.slice(2))
