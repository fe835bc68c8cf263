import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { cp, mkdtemp, rm, symlink } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest'
import { useExampleDatabase } from './support.ts'

const db = useExampleDatabase()
const ROOT = fileURLToPath(new URL('../..', import.meta.url))
let folder: string
let child: ChildProcess | undefined

// A copy with the repository's client, in place of the one that it generates itself.
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'worker-'))
  await cp(join(ROOT, 'examples/worker/src'), join(folder, 'src'), { recursive: true })
  await cp(join(ROOT, 'examples/worker/package.json'), join(folder, 'package.json'))
  await symlink(join(ROOT, 'generated'), join(folder, 'src/generated'))
  await symlink(join(ROOT, 'node_modules'), join(folder, 'node_modules'))
})
afterAll(() => rm(folder, { recursive: true }))

afterEach(async () => {
  if (child === undefined || child.exitCode !== null || child.signalCode !== null) return
  const exit = once(child, 'exit')
  child.kill('SIGKILL')
  await exit
})

function startWorker() {
  const worker = spawn(process.execPath, ['--import', 'tsx', join(folder, 'src/main.ts')], {
    cwd: ROOT,
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
