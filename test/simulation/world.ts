import { defaultRotationTiming } from '../../src/rotation/rotation-policy.ts'
import { TokenSource } from '../../src/token/token-source.ts'
import { SimClient } from './client.ts'
import { hour, minute, SimClock, second, settle } from './clock.ts'
import { type Interval, SimCredential } from './credential.ts'
import { Promises } from './promises.ts'
import { Dice } from './random.ts'
import { SimServer } from './server.ts'
import type { CredentialFault, ServerFault, Story, StoryEvent } from './story.ts'
import { Troubles } from './troubles.ts'
import { Verdict, type Violation } from './verdict.ts'

const EPOCH = Date.UTC(2026, 0, 1)

/** More steps than this without time passing are no steps forward. */
const MOST_STEPS_AT_ONCE = 20_000

/** What came of a story. */
export interface Outcome {
  violation: Violation | undefined
  hours: number
  steps: number
  works: number
  faults: number
  failures: Record<string, number>
  rotations: number
  tokenRequests: number
  logins: number
}

/** Runs a story to its end, or until a promise is broken. */
export async function run(story: Story, log?: (line: string) => void): Promise<Outcome> {
  const world = new World(story, log)
  const onUnhandled = (error: unknown) => world.verdict.blame('unhandled rejection', String(error))
  const onWarning = (warning: Error) => world.verdict.blame('warning', warning.message)
  process.on('unhandledRejection', onUnhandled)
  process.on('warning', onWarning)
  try {
    return await world.run()
  } finally {
    process.off('unhandledRejection', onUnhandled)
    process.off('warning', onWarning)
  }
}

class World {
  readonly verdict: Verdict
  readonly #story: Story
  readonly #clock: SimClock
  readonly #troubles = new Troubles()
  readonly #credential: SimCredential
  readonly #server: SimServer
  readonly #clients: SimClient[] = []
  readonly #promises: Promises
  readonly #log: ((line: string) => void) | undefined
  #steps = 0
  #stepsAtOnce = 0
  #lastNow = 0

  constructor(story: Story, log: ((line: string) => void) | undefined) {
    const { seed, setting } = story
    const clock = new SimClock(EPOCH)
    const verdict = new Verdict(() => clock.now - EPOCH)
    const troubles = this.#troubles
    this.#story = story
    this.#clock = clock
    this.verdict = verdict
    this.#log = log
    const faults = faultsOf(story, troubles)
    const common = { clock, setting, troubles, verdict }
    const credential = new SimCredential({ ...common, dice: new Dice(seed, 2), faults: faults.credential })
    const server = new SimServer({ ...common, credential, dice: new Dice(seed, 3), faults: faults.server })
    const source = new TokenSource(credential, { scope: 's', clock: clock.local, random: new Dice(seed, 4).next })
    const timing = { ...defaultRotationTiming, maxAge: setting.maxAge }
    this.#credential = credential
    this.#server = server
    this.#promises = new Promises({ ...common, source, credential, server, clients: this.#clients })
    if (log) this.#promises.log = (line) => this.#say(line())
    for (let number = 0; number < setting.clients; number++) {
      const dice = new Dice(seed, 5 + number)
      const watch = this.#promises
      this.#clients.push(new SimClient({ number, max: setting.max, clock, dice, server, source, timing, watch }))
    }
  }

  async run(): Promise<Outcome> {
    for (const event of this.#story.events) {
      await this.#goOnUntil(EPOCH + event.at)
      if (this.verdict.violation) break
      this.#happen(event)
      await this.#settled()
    }
    await this.#goOnUntil(EPOCH + this.#story.hours * hour)
    const hours = (this.#clock.now - EPOCH) / hour
    await this.#end()
    const { works, failures, rotations } = this.#promises.counts
    return {
      violation: this.verdict.violation,
      hours,
      steps: this.#steps,
      works,
      faults: this.#story.events.filter(({ type }) => isFault(type)).length,
      rotations,
      failures: Object.fromEntries(failures),
      tokenRequests: this.#credential.requests,
      logins: this.#server.logins,
    }
  }

  async #goOnUntil(time: number): Promise<void> {
    while (this.verdict.violation === undefined && this.#clock.nextAt <= time) {
      this.#clock.fireNext()
      await this.#settled()
    }
    this.#clock.advanceTo(time)
  }

  async #settled(): Promise<void> {
    await settle()
    this.#steps++
    this.#stepsAtOnce = this.#clock.now === this.#lastNow ? this.#stepsAtOnce + 1 : 0
    this.#lastNow = this.#clock.now
    if (this.#stepsAtOnce > MOST_STEPS_AT_ONCE) this.verdict.blame('livelock', 'time stands still')
    this.#promises.check()
  }

  /** All clients leave; then nothing may be left. */
  async #end(): Promise<void> {
    if (this.verdict.violation) return
    for (const client of this.#clients) void client.disconnect()
    await this.#settled()
    await this.#goOnUntil(this.#clock.now + 10 * minute)
    // Work that was under way connects anew where it comes too late.
    for (const client of this.#clients) void client.disconnect()
    await this.#goOnUntil(this.#clock.now + this.#story.setting.lifetime + 10 * minute)
    for (const client of this.#clients) void client.disconnect()
    await this.#goOnUntil(this.#clock.now + 10 * minute)
    const busy = this.#clients.filter((client) => !client.atRest || client.running.size > 0)
    if (busy.length > 0) this.verdict.blame('left after disconnect', `${busy.length} clients are not at rest`)
  }

  #happen(event: StoryEvent): void {
    this.#say(`* ${JSON.stringify({ ...event, at: undefined })}`)
    const { now } = this.#clock
    switch (event.type) {
      case 'query':
        void this.#clients[event.client]?.query(event.duration)
        break
      case 'burst':
        for (let i = 0; i < event.count; i++) void this.#clients[event.client]?.query(event.duration)
        break
      case 'transaction':
        void this.#clients[event.client]?.transaction(event.statements, event.duration, event.pause)
        break
      case 'connect':
        void this.#clients[event.client]?.connect()
        break
      case 'disconnect':
        void this.#clients[event.client]?.disconnect()
        break
      case 'cut':
        this.#troubles.add('server', now, now + 30 * second)
        this.#server.cut(event.silent)
        break
      case 'kick':
        this.#troubles.add('server', now, now + second)
        this.#server.kick()
        break
      case 'server':
        if (!event.cut) break
        this.#troubles.add('server', now, now + second)
        this.#server.cut(false)
        break
      case 'freeze':
      case 'suspend':
        this.#clock[event.type](event.duration)
        this.#troubles.add('process', now, this.#clock.now - 1)
        break
      case 'clock':
        this.#clock.set(event.skew)
        this.#troubles.add('process', now, now + second)
        break
      case 'credential':
        break
    }
  }

  #say(line: string): void {
    this.#log?.(`${elapsed(this.#clock.now - EPOCH)}  ${line}`)
  }
}

function faultsOf({ events }: Story, troubles: Troubles) {
  const credential: Interval<CredentialFault>[] = []
  const server: Interval<ServerFault>[] = []
  for (const event of events) {
    const from = EPOCH + event.at
    if (event.type === 'credential') credential.push({ fault: event.fault, from, until: from + event.duration })
    else if (event.type === 'server') server.push({ fault: event.fault, from, until: from + event.duration })
    else continue
    troubles.add(event.type, from, from + event.duration)
  }
  return { credential, server }
}

function isFault(type: StoryEvent['type']): boolean {
  return !['query', 'burst', 'transaction', 'connect', 'disconnect'].includes(type)
}

/** As hours:minutes:seconds.milliseconds. */
export function elapsed(ms: number): string {
  const pad = (value: number, digits: number) => String(Math.floor(value)).padStart(digits, '0')
  return `${pad(ms / hour, 2)}:${pad((ms % hour) / minute, 2)}:${pad((ms % minute) / second, 2)}.${pad(ms % second, 3)}`
}
