import { EntraError, textOf } from '../src/errors/entra-error.ts'
import { holdEventLoop } from '../src/time/event-loop.ts'
import { runProgram } from './support/command-line.ts'
import { serverFacts, versions } from './verify-azure/facts.ts'
import { readOptions, USAGE, type VerifyOptions } from './verify-azure/options.ts'
import { verifyPrisma } from './verify-azure/prisma.ts'
import { redactor, secretsOf } from './verify-azure/redact.ts'
import { asJson, asMarkdown, isGood } from './verify-azure/report.ts'
import { Scratch } from './verify-azure/scratch.ts'
import { verifySizes } from './verify-azure/sizes.ts'
import { StepRunner } from './verify-azure/steps.ts'
import { Subject } from './verify-azure/subject.ts'
import { verifyRotation, verifyTokenEnd } from './verify-azure/tokens.ts'
import { verifyWaysIn } from './verify-azure/ways-in.ts'

const stop = new AbortController()
for (const signal of ['SIGINT', 'SIGTERM'] as const) process.on(signal, () => stop.abort())

const print = (line: string) => process.stderr.write(`${line}\n`)

await holdEventLoop(runProgram(USAGE, main, 1))
// A step that would not end must not keep the process alive.
process.stdout.write('', () => process.exit())

async function main(): Promise<number> {
  const options = readOptions(process.argv.slice(2), process.env)
  if (options === undefined) {
    console.log(USAGE)
    return 0
  }
  try {
    return await verify(options)
  } catch (error) {
    print(error instanceof EntraError ? textOf(error) : (error as Error).message)
    return 1
  }
}

async function verify(options: VerifyOptions): Promise<number> {
  const subject = new Subject(options.url)
  const redact = redactor(secretsOf(options.url), subject.host)
  const steps = new StepRunner(print, redact, stop.signal)
  const scratch = new Scratch(subject)
  print(`All of it happens in the schemas ${scratch.schema} and ${scratch.prismaSchema}, which are dropped at the end.`)
  const found = await runSteps(steps, options, subject, scratch)
  print('… dropping the schemas')
  const leftBehind = await scratch.drop()
  subject.setup.tokenSource.close()
  const facts = Object.entries({ server: subject.host, ...found, ...versions() })
  const report = {
    facts: Object.fromEntries(facts.map(([name, value]) => [name, redact(value)])),
    steps: steps.results,
    leftBehind,
  }
  process.stdout.write(options.json ? asJson(report) : asMarkdown(report))
  return isGood(report) && !stop.signal.aborted ? 0 : 1
}

/** @returns what was found out about the server and the token */
async function runSteps(
  steps: StepRunner,
  { shadow, hours }: VerifyOptions,
  subject: Subject,
  scratch: Scratch,
): Promise<Record<string, string>> {
  const token = await steps.run('token', async () => {
    const { token: text, expiresOn } = await subject.setup.tokenSource.get()
    const note = `${text.length} characters, ${((expiresOn - Date.now()) / 60_000).toFixed(1)} min left`
    return { note, value: note }
  })
  if (token === undefined) return {}
  const server = await steps.run('the driver alone, by token', async () => {
    const value = await subject.withDriver(serverFacts)
    return { note: value['connection policy'] ?? '', value }
  })
  const wires = await verifyWaysIn(steps, subject)
  const [wire] = wires
  if (wire === undefined) {
    steps.skip('all the rest', 'adapter and proxy did not get in')
    return { ...server, token }
  }
  const made = await steps.run('its own schemas and tables', async () => {
    await scratch.make()
    return { note: '', value: true }
  })
  if (made) {
    await verifySizes(steps, subject, scratch, wires)
    await verifyPrisma(steps, subject, scratch, wire, shadow)
  } else steps.skip('statements, bulk load, Prisma’s commands', 'no schemas and tables')
  await verifyRotation(steps, subject, wire)
  await verifyTokenEnd(steps, subject, wire, hours)
  return { ...server, token }
}
