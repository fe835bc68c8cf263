import { EntraError, textOf } from '../src/errors/entra-error.ts'
import { holdEventLoop } from '../src/time/event-loop.ts'
import { readOptions, USAGE, UsageError, type VerifyOptions } from './verify-azure/options.ts'
import { PrismaCommands } from './verify-azure/prisma-commands.ts'
import { PrismaProject } from './verify-azure/prisma-project.ts'
import { type Redact, redactor, secretsOf } from './verify-azure/redact.ts'
import { asJson, asMarkdown, isWell, type Report } from './verify-azure/report.ts'
import { Scratch } from './verify-azure/scratch.ts'
import { factOfToken, factsOfServer } from './verify-azure/server.ts'
import { verifySizes } from './verify-azure/sizes.ts'
import { Subject, type Wire } from './verify-azure/subject.ts'
import { verifyRotation, verifyTokenEnd } from './verify-azure/tokens.ts'
import { Verification } from './verify-azure/verification.ts'
import { versions } from './verify-azure/versions.ts'
import { verifyWaysIn } from './verify-azure/ways-in.ts'

const stop = new AbortController()
for (const signal of ['SIGINT', 'SIGTERM'] as const) process.on(signal, () => stop.abort())

const tell = (line: string) => process.stderr.write(`${line}\n`)

const code = await holdEventLoop(main())
// What a step left behind it that would not end must not hold the process.
process.stdout.write('', () => process.exit(code))

async function main(): Promise<number> {
  try {
    const options = readOptions(process.argv.slice(2), process.env)
    if (options === undefined) {
      console.log(USAGE)
      return 0
    }
    const subject = new Subject(options.url)
    const redact = redactor(secretsOf(options.url), subject.host)
    const report = await verify(options, subject, redact)
    process.stdout.write(options.json ? asJson(report) : asMarkdown(report))
    return isWell(report) && !stop.signal.aborted ? 0 : 1
  } catch (error) {
    const usage = error instanceof UsageError ? `\n\n${USAGE}` : ''
    tell(`${error instanceof EntraError ? textOf(error) : (error as Error).message}${usage}`)
    return 1
  }
}

async function verify(options: VerifyOptions, subject: Subject, redact: Redact): Promise<Report> {
  const verification = new Verification(tell, redact, stop.signal)
  const scratch = new Scratch(subject)
  tell(`All of it happens in the schemas ${scratch.schema} and ${scratch.prismaSchema}, which are dropped at the end.`)
  const found = await makeSteps(verification, options, subject, scratch)
  tell('… dropping what was made')
  const leftBehind = await scratch.drop()
  subject.setup.tokenSource.close()
  const facts = Object.entries({ server: subject.host, ...found, ...versions() })
  return {
    facts: Object.fromEntries(facts.map(([name, value]) => [name, redact(value)])),
    steps: verification.results,
    leftBehind,
  }
}

/** @returns what was found out of the server and the token, by name */
async function makeSteps(
  verification: Verification,
  { url, shadow, hours }: VerifyOptions,
  subject: Subject,
  scratch: Scratch,
): Promise<Record<string, string>> {
  const token = await verification.step('token', async () => {
    const note = await factOfToken(subject)
    return { note, value: note }
  })
  if (token === undefined) return {}
  const server = await verification.step('the driver alone, by token', async () => {
    const client = await subject.openDriver()
    const value = await factsOfServer(client).finally(() => client.close())
    return { note: value['connection policy'] ?? '', value }
  })
  const wires = await verifyWaysIn(verification, subject)
  const [wire] = wires
  if (wire === undefined) {
    verification.skip('all the rest', 'adapter and proxy did not get in')
    return { ...server, token }
  }
  const made = await verification.step('schemas and tables of its own', async () => {
    const client = await subject.openDriver()
    await scratch.make(client).finally(() => client.close())
    return { note: '', value: true }
  })
  if (made) {
    await verifySizes(verification, subject, scratch, wires)
    await verifyPrisma(verification, { url, shadow }, subject, scratch, wire)
  } else verification.skip('statements, bulk load, Prisma’s commands', 'no schemas and tables of its own')
  await verifyRotation(verification, subject, wire)
  await verifyTokenEnd(verification, subject, wire, hours)
  return { ...server, token }
}

async function verifyPrisma(
  verification: Verification,
  { url, shadow }: Pick<VerifyOptions, 'url' | 'shadow'>,
  subject: Subject,
  scratch: Scratch,
  wire: Wire,
): Promise<void> {
  const project = await PrismaProject.make(url, scratch, shadow)
  try {
    await new PrismaCommands(verification, project).verify(subject, scratch, wire, shadow)
  } finally {
    await project.close()
  }
}
