/**
 * Records the pictures of the docs that show a terminal or a run, each from a real run on the local Azure:
 *
 *     npm run docs:recordings -- [demo] [doctor]
 *
 * docs/rotation.svg and docs/demo.svg are of the same run. Uses `script` of util-linux for a terminal.
 */
import { spawn } from 'node:child_process'
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { StringDecoder } from 'node:string_decoder'
import { startGateway } from '../src/testing/index.ts'
import { startLocalAzure } from '../test/local-azure.ts'
import { Terminal } from './support/terminal.ts'
import { drawTerminal, type Frame } from './support/terminal-svg.ts'

const wanted = process.argv.slice(2)

if (wanted.length === 0 || wanted.includes('demo')) await recordDemo()
if (wanted.length === 0 || wanted.includes('doctor')) await recordDoctor()

async function recordDemo(): Promise<void> {
  const args = ['--compare', '--seconds', '40', '--token-life', '15', '--workers', '4', '--svg', 'docs/rotation.svg']
  const chunks = await record('demo/main.ts', args, 80, {})
  // A panel is whole when lines wrap again; a terminal may be handed it in pieces.
  const panels = chunks.filter(({ text }) => text.endsWith('\u001b[?7h'))
  // As many as make a file of less than 60 kB.
  const moments = panels.filter((_, i) => i % Math.ceil(panels.length / 10) === 5).map(({ at }) => at)
  const frames = framesAt(chunks, moments).map(({ lines }) => ({ lines: lines.slice(2), duration: 1 }))
  const end = framesAt(chunks, [Number.POSITIVE_INFINITY])[0]?.lines ?? []
  // The summary in place of the panel that it is below.
  const summary = end.slice(end.findLastIndex((line) => line.some(({ text }) => text.includes('now'))) + 1)
  const alt = 'npm run demo -- --compare: a lane for each connection, coloured by its token'
  await writeFile('docs/demo.svg', drawTerminal(alt, [...frames, { lines: summary, duration: 4 }], 80))
}

async function recordDoctor(): Promise<void> {
  const azure = await startLocalAzure()
  // Nobody has a user in its database.
  const gateway = await startGateway({
    upstream: azure.upstream,
    verification: azure.authority.verification,
    principals: {},
  })
  const folder = await mkdtemp(join(tmpdir(), 'recording-'))
  try {
    const ca = join(folder, 'ca.pem')
    await writeFile(ca, gateway.ca)
    const url = `sqlserver://localhost:${gateway.port};database=app;authentication=ActiveDirectoryManagedIdentity`
    const environment = { ...azure.authority.environment('app-service'), NODE_EXTRA_CA_CERTS: ca, DATABASE_URL: url }
    const chunks = await record('src/cli/main.ts', ['doctor'], 100, environment)
    // A frame when a step has ended: without the one that is under way.
    const moments = chunks.filter(({ text }) => text.includes('\n')).map(({ at }) => at)
    const frames = framesAt(chunks, moments)
    const last = frames.at(-1)
    if (last !== undefined) last.duration = 8
    const alt =
      'npx prisma-mssql-entra doctor: the login fails because the identity has no user, and the T-SQL that creates it'
    await writeFile('docs/doctor.svg', drawTerminal(alt, frames, 100))
  } finally {
    await rm(folder, { recursive: true })
    await gateway.close()
    await azure.close()
  }
}

/** What a program wrote, and when, in s since it began. */
interface Chunk {
  at: number
  text: string
}

/** Runs one of the project's programs in a terminal. */
async function record(program: string, args: string[], columns: number, environment: Record<string, string>) {
  const folder = await mkdtemp(join(tmpdir(), 'recording-'))
  try {
    const [timing, output] = [join(folder, 'timing'), join(folder, 'output')]
    const command = `stty rows 24 cols ${columns}; exec node --import tsx ${[program, ...args].join(' ')}`
    const child = spawn('script', ['-qec', command, '--log-timing', timing, '--log-out', output], {
      stdio: ['ignore', 'ignore', 'inherit'],
      env: { ...process.env, ...environment, TERM: 'xterm-256color', NO_COLOR: undefined },
    })
    await new Promise((resolve, reject) => child.on('error', reject).on('close', resolve))
    // The first line of the output is `script`'s own.
    const all = await readFile(output)
    let offset = all.indexOf('\n') + 1
    let at = 0
    // A chunk may end within a character.
    const decoder = new StringDecoder('utf8')
    return (await readFile(timing, 'utf8'))
      .trim()
      .split('\n')
      .map((line): Chunk => {
        const [wait = 0, length = 0] = line.split(' ').map(Number)
        at += wait
        offset += length
        return { at, text: decoder.write(all.subarray(offset - length, offset)) }
      })
  } finally {
    await rm(folder, { recursive: true })
  }
}

/** What the terminal showed at each moment. */
function framesAt(chunks: readonly Chunk[], moments: readonly number[]): Frame[] {
  return moments.map((moment) => {
    const terminal = new Terminal()
    const written = chunks.filter(({ at }) => at <= moment)
    terminal.write(written.map(({ text }) => text).join(''))
    return { lines: terminal.lines, duration: 0.4 }
  })
}
