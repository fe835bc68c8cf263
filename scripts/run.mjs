// `npm run demo`, `npm run soak`, `npm test` and more on a fresh clone: installs what is missing, generates the example client, and goes.
// Plain Node, since nothing is installed yet.
import { spawnSync } from 'node:child_process'
import { existsSync, readFileSync, statSync, utimesSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'

const root = dirname(dirname(fileURLToPath(import.meta.url)))
const [task, ...args] = process.argv.slice(2)

const tasks = {
  demo: () => run('tsx', ['demo/main.ts', ...args]),
  drill: () => run('tsx', ['drill/main.ts', ...args]),
  soak: () => run('tsx', ['--expose-gc', 'soak/main.ts', ...args]),
  test() {
    console.log('Lint, types and tests take about five minutes on two cores. Each test file is shown as it ends.')
    step('Lint', () => run('biome', ['check', '.']))
    step('Types', () => run('tsc', []))
    step('Tests', () => run('vitest', ['run', ...args]))
  },
  'check:package': () => run('tsx', ['scripts/check-package.ts', ...args]),
  'bench:cold-start'() {
    step('Building', () => npm(['run', 'build']))
    run('tsx', ['bench/cold-start/main.ts', ...args])
  },
  'test:slow'() {
    console.log('The slow tests take about seven minutes: each waits for something that takes long in reality, too.')
    run('vitest', ['run', '--config', 'vitest.slow.config.ts', ...args])
  },
  'verify:azure': () => run('tsx', ['scripts/verify-azure.ts', ...args]),
  'test:integration': () => run('vitest', ['run', 'test/integration', ...args]),
}

// Ctrl-C goes to the whole group: what runs ends in its own way, and its exit code is passed on.
process.on('SIGINT', () => {})

if (!(task in tasks)) {
  console.error(`usage: node scripts/run.mjs ${Object.keys(tasks).join('|')} [arguments]`)
  process.exit(2)
}
if (!isInstalled()) step('Installing what is missing', () => npm(['ci', '--ignore-scripts']))
if (!isGenerated()) step('Generating the example client', generate)
tasks[task]()

/** Whether node_modules holds what package-lock.json asks for; npm keeps a lock file of its own there. */
function isInstalled() {
  const hidden = join(root, 'node_modules/.package-lock.json')
  if (!existsSync(hidden)) return false
  const installed = JSON.parse(readFileSync(hidden, 'utf8')).packages
  const wanted = JSON.parse(readFileSync(join(root, 'package-lock.json'), 'utf8')).packages
  return Object.entries(wanted).every(
    ([path, { version, optional, peer }]) => path === '' || optional || peer || installed[path]?.version === version,
  )
}

function isGenerated() {
  const client = join(root, 'generated/prisma/client.ts')
  if (!existsSync(client)) return false
  const inputs = ['prisma/schema.prisma', 'node_modules/prisma/package.json']
  return inputs.every((file) => statSync(join(root, file)).mtimeMs <= statSync(client).mtimeMs)
}

/** Prisma would download its schema engine, which generating does not use: any executable stands in for it. */
function generate() {
  run('prisma', ['generate', '--no-hints'], { PRISMA_SCHEMA_ENGINE_BINARY: process.execPath })
  // Prisma leaves a file alone whose text does not change; its time must show that it was looked at.
  utimesSync(join(root, 'generated/prisma/client.ts'), new Date(), new Date())
}

function step(title, action) {
  console.log(`\n▶ ${title}`)
  action()
}

function npm(npmArgs) {
  const cli = process.env.npm_execpath
  if (cli === undefined)
    check(spawnSync('npm', npmArgs, { cwd: root, stdio: 'inherit', shell: process.platform === 'win32' }))
  else check(spawnSync(process.execPath, [cli, ...npmArgs], { cwd: root, stdio: 'inherit' }))
}

/** Runs a command of node_modules; ends with its exit code if that is not 0. */
function run(command, commandArgs, environment = {}) {
  const manifest = join(root, 'node_modules', packageOf(command), 'package.json')
  const { bin } = JSON.parse(readFileSync(manifest, 'utf8'))
  const script = join(dirname(manifest), typeof bin === 'string' ? bin : bin[command])
  check(
    spawnSync(process.execPath, [script, ...commandArgs], {
      cwd: root,
      stdio: 'inherit',
      env: { ...process.env, ...environment },
    }),
  )
}

function packageOf(command) {
  return { biome: '@biomejs/biome', tsc: 'typescript' }[command] ?? command
}

function check({ status, signal, error }) {
  if (error !== undefined) throw error
  if (signal !== null) process.kill(process.pid, signal)
  if (status !== 0) process.exit(status ?? 1)
}
