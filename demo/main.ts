import { mkdir, writeFile } from 'node:fs/promises'
import { dirname } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { PrismaClient } from '../generated/prisma/client.ts'
import { PrismaMssqlEntra } from '../src/index.ts'
import { drawChart } from './chart.ts'
import { UsageError } from './command-line.ts'
import { pictureOf } from './display.ts'
import { type LocalAzure, startLocalAzure } from './local-azure.ts'
import { faultOf, migrate } from './migration.ts'
import { type DemoOptions, readOptions, USAGE } from './options.ts'
import { Recording } from './recording.ts'
import { Screen } from './screen.ts'
import { outageOf } from './sign-in.ts'
import { faultsOf, migrationSummaryOf, summaryOf } from './summary.ts'
import { tasks } from './workload.ts'

/** How often the display is drawn, in ms. */
const FRAME_EVERY = 200
/** How often a line is printed where there is no terminal, in ms. */
const LINE_EVERY = 2_000

const screen = new Screen(process.stdout, process.env, LINE_EVERY)
const stop = new AbortController()
for (const signal of ['SIGINT', 'SIGTERM'] as const) process.on(signal, () => stop.abort())

process.exitCode = await main()

async function main(): Promise<number> {
  let options: DemoOptions | undefined
  try {
    options = readOptions(process.argv.slice(2))
  } catch (error) {
    if (!(error instanceof UsageError)) throw error
    console.error(`${error.message}\n\n${USAGE}`)
    return 2
  }
  if (options === undefined) {
    console.log(USAGE)
    return 0
  }
  const begun = performance.now()
  const azure = await startLocalAzure(options.tokenLife * 1000, options.methods, (step) => {
    screen.print(screen.palette.dim(`starting the local Azure: ${step} …`))
  })
  screen.print(screen.palette.dim(`ready after ${((performance.now() - begun) / 1000).toFixed(1)} s\n`))
  try {
    return await run(azure, options)
  } finally {
    await azure.close()
  }
}

async function run(azure: LocalAzure, options: DemoOptions): Promise<number> {
  const recording = new Recording(Date.now())
  const adapter = new PrismaMssqlEntra(azure.config, {
    ...azure.signIn,
    onEvent: (event) => {
      if (event.type === 'token.acquired' && event.credential !== recording.credential) {
        screen.print(screen.palette.dim(`${event.credential} gives the tokens`))
      }
      recording.onEvent(event)
    },
  })
  const prisma = new PrismaClient({ adapter })
  const timer = setTimeout(() => stop.abort(), options.seconds * 1000)
  const outage = setTimeout(() => failFirst(azure, options), options.seconds * 500)
  let endedAt = Date.now()
  const drawing = setInterval(() => show(recording, adapter, options), FRAME_EVERY)
  try {
    await Promise.all(
      Array.from({ length: options.workers }, (_, worker) => work(prisma, worker, recording, stop.signal)),
    )
    show(recording, adapter, options)
    endedAt = Date.now()
  } finally {
    for (const each of [timer, outage, drawing]) clearTimeout(each)
    screen.leavePanel()
    await prisma.$disconnect()
  }
  const { requestsAfterExpiry, leastTimeLeft, logins } = azure.gateway.stats()
  const { rotations, tokensRequested } = adapter.stats()
  const counts = { tokenRequests: tokensRequested, logins, rotations, requestsAfterExpiry, leastTimeLeft }
  screen.print(summaryOf(recording, counts, screen.palette))
  if (options.svg !== undefined) {
    await mkdir(dirname(options.svg), { recursive: true })
    await writeFile(options.svg, drawChart(recording, endedAt, options.tokenLife))
    screen.print(screen.palette.dim(`  The picture is in ${options.svg}.`))
  }
  const migrated = options.migrate ? await migrate(azure) : undefined
  if (migrated !== undefined) screen.print(migrationSummaryOf(migrated, screen.palette))
  const well = faultsOf(recording, counts).length === 0 && (migrated === undefined || faultOf(migrated) === undefined)
  return well ? 0 : 1
}

/** From now on the first of several ways to sign in gives no token. */
function failFirst({ authority }: LocalAzure, { methods }: DemoOptions): void {
  const endpoint = outageOf(methods)
  if (endpoint === undefined) return
  authority.inject({ endpoint, status: 400 })
  screen.print(screen.palette.dim(`${methods[0]} gives no token any more`))
}

async function work(prisma: PrismaClient, worker: number, recording: Recording, until: AbortSignal): Promise<void> {
  const mine = tasks(prisma, worker)
  for (let i = worker; !until.aborted; i++) {
    const task = mine[i % mine.length]
    if (task !== undefined) await recording.measure(Date.now, task)
    // Leaves the machine some time for all the rest of the local Azure, which is in this process too.
    await sleep(20)
  }
}

function show(recording: Recording, adapter: PrismaMssqlEntra, options: DemoOptions): void {
  const now = Date.now()
  screen.show(pictureOf(recording, adapter.stats(), { now, ...options }), now)
}
