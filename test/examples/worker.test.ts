import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { afterEach, describe, expect, it } from 'vitest'
import { useBundledProgram } from '../support/bundled-program.ts'
import { useExampleDatabase } from './support.ts'

const db = useExampleDatabase()
const program = useBundledProgram('examples/worker/src/main.ts')
let child: ChildProcess | undefined

afterEach(async () => {
  if (child === undefined || child.exitCode !== null || child.signalCode !== null) return
  const exit = once(child, 'exit')
  child.kill('SIGKILL')
  await exit
})

function startWorker() {
  const worker = spawn(process.execPath, [program()], {
    stdio: ['ignore', 'pipe', 'pipe'],
  })
  child = worker
  const output = { text: '' }
  for (const stream of [worker.stdout, worker.stderr]) {
    stream.setEncoding('utf8').on('data', (text: string) => {
      output.text += text
    })
  }
  return { worker, output }
}

const titles = (...names: string[]) => names.map((title) => ({ title, slug: title }))
const drafts = () => db.prisma.post.count({ where: { published: false } })

describe.skipIf(process.platform === 'win32')('examples/worker', () => {
  it('does the available work, then exits on SIGTERM and leaves no session', async () => {
    await db.prisma.post.createMany({ data: titles('first', 'second') })
    const { sessionsOpen } = db.azure.gateway.stats()
    const { worker, output } = startWorker()
    await expect.poll(() => output.text, { timeout: 120_000 }).toBe('published first\npublished second\n')
    expect(await drafts()).toBe(0)

    // It is sleeping or querying; it stops either way.
    const closed = once(worker, 'close')
    worker.kill('SIGTERM')
    expect(await closed).toEqual([0, null])
    expect(output.text).toBe('published first\npublished second\nstopped\n')
    await expect.poll(() => db.azure.gateway.stats().sessionsOpen).toBe(sessionsOpen)
  })
})
