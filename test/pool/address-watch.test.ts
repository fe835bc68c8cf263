import { describe, expect, it } from 'vitest'
import { addressLookup } from '../../src/login/connect.ts'
import { acquire, HOUR, numbers, setUp } from './support.ts'

/** A pool whose server's name leads to these addresses, lookup by lookup; the last is repeated. */
function namedServer(...answers: (string[] | Error)[]) {
  let lookups = 0
  const lookup = async () => {
    const answer = answers[Math.min(lookups++, answers.length - 1)] ?? []
    if (answer instanceof Error) throw answer
    return answer
  }
  const it = setUp({ maxIdleConnectionLifetime: HOUR }, { lifetime: 24 * HOUR, lookup })
  it.server.address = '10.0.0.1'
  /** One piece of work every 10 s. */
  const work = async (seconds: number) => {
    for (let i = 0; i < seconds / 10; i++) {
      it.pool.release(await acquire(it))
      await it.clock.advance(10_000)
    }
  }
  return { ...it, work, lookups: () => lookups }
}

const open = ({ server }: ReturnType<typeof namedServer>) => numbers([...server.open])
const rotations = ({ events }: ReturnType<typeof namedServer>) =>
  events.flatMap((event) => (event.type === 'rotation.started' ? [event.reason] : []))

describe('a connection to an address', () => {
  it('that DNS no longer returns, twice in a row, is replaced without failing work', async () => {
    const it = namedServer(['10.0.0.1'], ['10.0.0.2'])
    await it.work(60)
    it.server.address = '10.0.0.2'
    await it.work(30)
    expect([rotations(it), open(it)]).toEqual([[], [1]])
    await it.work(50)
    expect([rotations(it), open(it)]).toEqual([['address'], [2]])
  })

  it('that is missing in only one lookup stays open', async () => {
    const it = namedServer(['10.0.0.2'], ['10.0.0.1'], ['10.0.0.2'], ['10.0.0.1'])
    await it.work(300)
    expect([rotations(it), open(it)]).toEqual([[], [1]])
  })

  it('that is one of several stays open', async () => {
    const it = namedServer(['10.0.0.9', '10.0.0.1'])
    await it.work(300)
    expect(open(it)).toEqual([1])
  })

  it('stays open while DNS does not answer, or returns nothing', async () => {
    const it = namedServer(new Error('EAI_AGAIN'), [], new Error('EAI_AGAIN'))
    await it.work(300)
    expect(open(it)).toEqual([1])
  })

  it('is replaced once, and not each time that DNS returns the next of several addresses', async () => {
    const turns = Array.from({ length: 100 }, (_, i) => [`10.0.0.${1 + (Math.floor(i / 3) % 2)}`])
    const it = namedServer(...turns)
    for (let minute = 0; minute < 40; minute++) {
      it.server.address = turns[it.lookups()]?.[0]
      await it.work(60)
    }
    expect(rotations(it).length).toBeLessThanOrEqual(2)
  })

  it('is replaced only once if logins still lead to it', async () => {
    const it = namedServer(['10.0.0.2'])
    await it.work(600)
    expect(rotations(it)).toEqual(['address'])
  })
})

describe('a name', () => {
  it('is looked up every 30 s while there is work, and not otherwise', async () => {
    const it = namedServer(['10.0.0.1'])
    await it.work(120)
    expect(it.lookups()).toBe(3)
    await it.clock.advance(HOUR)
    expect(it.lookups()).toBe(3)
  })

  it('is not looked up if it is an address', () => {
    expect(['10.0.0.1', '::1', 'localhost'].map((host) => addressLookup(host) === undefined)).toEqual([
      true,
      true,
      false,
    ])
  })

  it('leads to addresses', async () => {
    const found = await addressLookup('localhost')?.()
    expect(found?.some((address) => ['127.0.0.1', '::1'].includes(address))).toBe(true)
  })
})
