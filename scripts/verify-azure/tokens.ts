import { setTimeout as sleep } from 'node:timers/promises'
import type { PrismaClient } from '../../generated/prisma/client.ts'
import { firstLine, Skip, type StepRunner } from './steps.ts'
import type { Subject, Wire } from './subject.ts'

const HOUR = 3_600_000

/** The `maxAge` of connections in the rotation step, and how long two rotations may take, in ms. */
const MAX_AGE = 10_000
const ROTATION_LIMIT = 60_000

/** How many workers there are, and how long each pauses between two statements, in ms. */
const WORKERS = 4
const REST = 100

/** How long to work after the end of a token, in ms. */
const BEYOND = 30_000

/** Rotates connections by age under queries and transactions. */
export async function verifyRotation(steps: StepRunner, subject: Subject, wire: Wire): Promise<void> {
  await steps.run(`rotation by maxAge of ${MAX_AGE / 1000} s, ${wire}`, (signal) =>
    subject.withPrisma(
      wire,
      signal,
      async (prisma, adapter) => {
        const limit = Date.now() + ROTATION_LIMIT
        const done = await work(prisma, () => adapter.stats().rotations >= 2 || Date.now() > limit, signal)
        const { rotations } = adapter.stats()
        if (rotations < 2) throw new Error(`${rotations} rotations in ${ROTATION_LIMIT / 1000} s.`)
        return `${rotations} rotations under ${done} statements, none failed`
      },
      { rotation: { maxAge: MAX_AGE } },
    ),
  )
}

/** Works until the current token has expired, and a little longer. */
export async function verifyTokenEnd(steps: StepRunner, subject: Subject, wire: Wire, hours: number): Promise<void> {
  const title = 'work over the end of a token'
  if (hours === 0) return steps.skip(title, 'not asked for (--hours 2)')
  const limit = hours * HOUR
  await steps.run(
    title,
    async (signal) => {
      const first = await subject.setup.tokenSource.get()
      const end = first.expiresOn + Math.min(BEYOND, limit / 10)
      if (end > Date.now() + limit) {
        const minutes = Math.ceil((first.expiresOn - Date.now()) / 60_000)
        throw new Skip(`the token lives for ${minutes} min more: --hours ${Math.ceil(minutes / 60) + 1}`)
      }
      return subject.withPrisma(wire, signal, async (prisma, adapter) => {
        const done = await work(prisma, () => Date.now() >= end, signal)
        const { rotations, tokensAcquired } = adapter.stats()
        if (rotations === 0) throw new Error('The token expired, and no rotation was seen.')
        return `${done} statements, none failed; ${tokensAcquired} tokens, ${rotations} rotations`
      })
    },
    limit + 10 * 60_000,
  )
}

/** Runs statements and transactions until `isOver`. @returns how many. @throws if any failed, with how many and how */
async function work(prisma: PrismaClient, isOver: () => boolean, signal: AbortSignal): Promise<number> {
  let done = 0
  const failures: unknown[] = []
  const worker = async (number: number) => {
    while (!isOver() && !signal.aborted) {
      try {
        if (number === 0) await prisma.$transaction([ask(prisma), ask(prisma)])
        else await ask(prisma)
        done++
      } catch (error) {
        failures.push(error)
      }
      await sleep(REST, undefined, { signal }).catch(() => {})
    }
  }
  await Promise.all(Array.from({ length: WORKERS }, (_, number) => worker(number)))
  if (failures.length > 0 && !signal.aborted) {
    const message = `${failures.length} of ${done + failures.length} failed; the first: ${firstLine(failures[0])}`
    const { code } = failures[0] as { code?: string }
    throw Object.assign(new Error(message), code === undefined ? {} : { code })
  }
  return done
}

const ask = (prisma: PrismaClient) => prisma.$queryRawUnsafe('SELECT 1 AS [one]')
