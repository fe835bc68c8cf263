import { mkdir, writeFile } from 'node:fs/promises'
import { dirname } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { PrismaClient } from '../generated/prisma/client.ts'
import { runProgram } from '../scripts/support/command-line.ts'
import { PrismaMssqlEntra } from '../src/index.ts'
import { drawChart } from './chart.ts'
import { pictureOf } from './display.ts'
import { type DemoAzure, startDemoAzure } from './local-azure.ts'
import { migrate, migrationSummaryOf } from './migration.ts'
import { type DemoOptions, readOptions, USAGE } from './options.ts'
import { Recording } from './recording.ts'
import { Screen } from './screen.ts'
import { faultsOf, summaryOf } from './summary.ts'
import { tasks } from './workload.ts'

/** How often the display is drawn, in ms. */
const FRAME_EVERY = 200
/** How often a line is printed if there is no terminal, in ms. */
const LINE_EVERY = 2_000

const screen = new Screen(process.stdout, LINE_EVERY)
const printDim = (text: string) => screen.print(screen.palette.style('dim', text))
const stop = new AbortController()
for (const signal of ['SIGINT', 'SIGTERM'] as const) process.on(signal, () => stop.abort())

await runProgram(USAGE, async () => {
  const options = readOptions(process.argv.slice(2))
  if (options === undefined) {
    console.log(USAGE)
    return 0
  }
  const startedAt = performance.now()
  const azure = await startDemoAzure(options.tokenLife * 1000, (step) => {
    printDim(`starting the local Azure: ${step} …`)
  })
  printDim(`ready after ${((performance.now() - startedAt) / 1000).toFixed(1)} s\n`)
  try {
    return await run(azure, options)
  } finally {
    await azure.close()
  }
})

async function run(azure: DemoAzure, options: DemoOptions): Promise<number> {
  const recording = new Recording(Date.now())
  const adapter = new PrismaMssqlEntra(azure.config, {
    ...azure.signIn,
    onEvent: (event) => recording.onEvent(event),
  })
  const prisma = new PrismaClient({ adapter })
  const timer = setTimeout(() => stop.abort(), options.seconds * 1000)
  let endedAt = Date.now()
  const drawing = setInterval(() => show(recording, adapter, options), FRAME_EVERY)
  try {
    await Promise.all(
      Array.from({ length: options.workers }, (_, worker) => work(prisma, worker, recording, stop.signal)),
    )
    show(recording, adapter, options)
    endedAt = Date.now()
  } finally {
    for (const each of [timer, drawing]) clearTimeout(each)
    screen.leavePanel()
    await prisma.$disconnect()
  }
  const counts = { ...azure.gateway.stats(), ...adapter.stats() }
  screen.print(summaryOf(recording, counts, screen.palette))
  if (options.svg !== undefined) {
    await mkdir(dirname(options.svg), { recursive: true })
    await writeFile(options.svg, drawChart(recording, endedAt, options.tokenLife))
    printDim(`  The picture is in ${options.svg}.`)
  }
  const migrated = options.migrate ? await migrate(azure) : undefined
  if (migrated !== undefined) screen.print(migrationSummaryOf(migrated, screen.palette))
  const faults = faultsOf(recording, counts)
  return faults.length === 0 && migrated?.rows === migrated?.readBack ? 0 : 1
}

async function work(prisma: PrismaClient, worker: number, recording: Recording, until: AbortSignal): Promise<void> {
  const mine = tasks(prisma, worker)
  for (let i = worker; !until.aborted; i++) {
    const task = mine[i % mine.length]
    if (task !== undefined) await recording.measure(task)
    // Leaves some time for the local Azure, which runs in this process too.
    await sleep(20)
  }
}

function show(recording: Recording, adapter: PrismaMssqlEntra, options: DemoOptions): void {
  const now = Date.now()
  screen.show(pictureOf(recording, adapter.stats(), { now, ...options }), now)
}
