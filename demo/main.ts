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
import { startOfficial } from './official.ts'
import { type DemoOptions, readOptions, USAGE } from './options.ts'
import { Recording } from './recording.ts'
import { Screen, stepPicture } from './screen.ts'
import { faultsOf, summaryOf } from './summary.ts'
import { CLIENT_OPTIONS, tasks } from './workload.ts'

/** How often a line is printed if there is no panel, in ms. */
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
  const startedAt = Date.now()
  let step = ''
  const starting = startDemoAzure(options.tokenLife * 1000, (next) => {
    step = `starting the local Azure: ${next}`
  })
  const azure = await screen.during(starting, () => stepPicture(step, startedAt), false)
  printDim(`The local Azure was ready after ${((Date.now() - startedAt) / 1000).toFixed(1)} s.\n`)
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
  const prisma = new PrismaClient({ adapter, ...CLIENT_OPTIONS })
  const theirs = options.compare ? new Recording(recording.startedAt) : undefined
  const official = theirs && (await startOfficial(azure, theirs))
  const timer = setTimeout(() => stop.abort(), options.seconds * 1000)
  const workers = Array.from({ length: options.workers }, (_, worker) => [
    work(prisma, worker, recording),
    ...(official && theirs ? [work(official.prisma, options.workers + worker, theirs)] : []),
  ])
  const picture = () => pictureOf(recording, { now: Date.now(), ...options }, theirs)
  await screen.during(Promise.all(workers.flat()), picture, true)
  clearTimeout(timer)
  const endedAt = Date.now()
  const counts = { ...azure.gateway.stats(), ...adapter.stats() }
  const compared = official && theirs && { recording: theirs, counts: official.stats() }
  await Promise.all([prisma.$disconnect(), official?.close()])
  screen.print(summaryOf(recording, counts, screen.palette, compared))
  if (options.svg !== undefined) {
    await mkdir(dirname(options.svg), { recursive: true })
    await writeFile(options.svg, drawChart(recording, endedAt, options.tokenLife, theirs))
    printDim(`  The picture is in ${options.svg}.`)
  }
  const faults = faultsOf(recording, counts)
  if (!options.migrate) return faults.length === 0 ? 0 : 1
  const migratingAt = Date.now()
  const migrated = await screen.during(migrate(azure), () => stepPicture('applying migrations', migratingAt), false)
  screen.print(migrationSummaryOf(migrated, screen.palette))
  return faults.length === 0 && migrated.rows === migrated.readBack ? 0 : 1
}

async function work(prisma: PrismaClient, worker: number, recording: Recording): Promise<void> {
  const mine = tasks(prisma, worker)
  for (let i = worker; !stop.signal.aborted; i++) {
    const task = mine[i % mine.length]
    if (task !== undefined) await recording.measure(task)
    // Leaves some time for the local Azure, which runs in this process too.
    await sleep(20)
  }
}
