import { mkdir, writeFile } from 'node:fs/promises'
import { dirname } from 'node:path'
import { UsageError } from '../demo/command-line.ts'
import { Screen } from '../demo/screen.ts'
import { type AzureProcess, startAzureProcess } from './azure.ts'
import { readOptions, type SoakOptions, USAGE } from './options.ts'
import { soak } from './soak.ts'
import { summaryOf } from './summary.ts'
import { faultsOf } from './verdict.ts'

/** How often a line is printed where there is no terminal, in ms. */
const LINE_EVERY = 10_000

const screen = new Screen(process.stdout, process.env, LINE_EVERY)
const stop = new AbortController()
for (const signal of ['SIGINT', 'SIGTERM'] as const) process.on(signal, () => stop.abort())

process.exitCode = await main()

async function main(): Promise<number> {
  let options: SoakOptions | undefined
  try {
    options = readOptions(process.argv.slice(2), Math.floor(Math.random() * 1_000_000))
  } catch (error) {
    if (!(error instanceof UsageError)) throw error
    console.error(`${error.message}\n\n${USAGE}`)
    return 2
  }
  if (options === undefined) {
    console.log(USAGE)
    return 0
  }
  screen.print(screen.palette.dim(`seed ${options.seed}; starting the local Azure …\n`))
  const azure = await startAzureProcess(options.tokenLife * 1000)
  azure.ended.addEventListener('abort', () => stop.abort())
  try {
    return await run(azure, options)
  } finally {
    await azure.close()
  }
}

async function run(azure: AzureProcess, options: SoakOptions): Promise<number> {
  const report = await soak(azure, options, screen, stop.signal)
  screen.print(summaryOf(report, screen.palette))
  if (options.json !== undefined) {
    await mkdir(dirname(options.json), { recursive: true })
    await writeFile(options.json, `${JSON.stringify(report, undefined, 2)}\n`)
  }
  return faultsOf(report).length === 0 ? 0 : 1
}
