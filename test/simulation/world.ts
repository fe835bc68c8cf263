import { defaultRotationTiming, type PoolSettings } from '../../src/pool/settings.ts'
import { TokenSource } from '../../src/token/token-source.ts'
import { SimClient } from './client.ts'
import { EPOCH, hour, minute, SimClock, second, settle } from './clock.ts'
import { SimCredential } from './credential.ts'
import { elapsed } from './narrate.ts'
import { Promises } from './promises.ts'
import { Dice } from './random.ts'
import { SimServer } from './server.ts'
import type { Setting, Story, StoryEvent } from './story.ts'
import { Troubles } from './troubles.ts'
import { Verdict, type Violation } from './verdict.ts'

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

/** What the pools of a story are set to. */
function settingsOf({ max, min, validation, sessionsOutliveTokens, maxAge }: Setting): PoolSettings {
  const own = { max, min, validation, sessionsOutliveTokens, maxAge }
  return { ...defaultRotationTiming, ...own, poolTimeout: 30_000, maxIdleConnectionLifetime: 30_000 }
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
  #stepsAtOnce = 0
  #lastNow = 0

  constructor(story: Story, log: ((line: string) => void) | undefined) {
    const { seed, setting } = story
    const clock = new SimClock()
    const verdict = new Verdict(() => clock.now - EPOCH)
    const troubles = this.#troubles
    const credential = new SimCredential(clock, new Dice(seed, 2), setting, troubles, verdict)
    const server = new SimServer(clock, new Dice(seed, 3), setting, credential, troubles)
    const source = new TokenSource(credential, {
      scope: 's',
      clock: clock.local,
      random: new Dice(seed, 4).next,
      onEvent: (event) => this.#promises.onToken(event),
    })
    this.#story = story
    this.#clock = clock
    this.verdict = verdict
    this.#log = log
    this.#credential = credential
    this.#server = server
    this.#promises = new Promises(clock, setting, source, credential, server, troubles, verdict, this.#clients)
    if (log) this.#promises.log = (line) => this.#say(line())
    for (let number = 0; number < setting.clients; number++) {
      const dice = new Dice(seed, 5 + number)
      const database = number % setting.databases
      const settings = settingsOf(setting)
      this.#clients.push(new SimClient(number, database, settings, clock, dice, server, source, this.#promises))
    }
  }

  async run(): Promise<Outcome> {
    for (const event of this.#story.events) {
      await this.#goOnUntil(EPOCH + event.at)
      if (this.verdict.violation) break
      this.#say(`* ${JSON.stringify({ ...event, at: undefined })}`)
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
      steps: this.#clock.steps,
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
    this.#clock.steps++
    this.#stepsAtOnce = this.#clock.now === this.#lastNow ? this.#stepsAtOnce + 1 : 0
    this.#lastNow = this.#clock.now
    if (this.#stepsAtOnce > MOST_STEPS_AT_ONCE) this.verdict.blame('livelock', 'time stands still')
    this.#promises.check()
  }

  /** All clients leave; then nothing may be left. */
  async #end(): Promise<void> {
    // Work that was under way connects anew where it comes too late.
    for (const pause of [10 * minute, this.#story.setting.lifetime + 10 * minute, 10 * minute]) {
      if (this.verdict.violation) return
      for (const client of this.#clients) void client.disconnect()
      await this.#settled()
      await this.#goOnUntil(this.#clock.now + pause)
    }
    this.#promises.checkRest()
    const busy = this.#clients.filter((client) => !client.atRest || client.running.size > 0)
    if (busy.length > 0) this.verdict.blame('left after disconnect', `${busy.length} clients are not at rest`)
  }

  #happen(event: StoryEvent): void {
    const client = 'client' in event ? this.#clients[event.client] : undefined
    switch (event.type) {
      case 'query':
        void client?.query(event.duration)
        break
      case 'burst':
        for (let i = 0; i < event.count; i++) void client?.query(event.duration)
        break
      case 'transaction':
        void client?.transaction(event.statements, event.duration, event.pause, event.level)
        break
      case 'connect':
      case 'disconnect':
      case 'warmUp':
        void client?.[event.type]()
        break
      case 'credential':
        this.#credential.begin(event.fault, event.duration)
        break
      case 'database':
        this.#server.begin(event.database, event.fault, event.duration)
        if (event.cut) this.#server.cut(event.database, false)
        break
      case 'cut':
        this.#server.cut(event.database, event.silent)
        break
      case 'kick':
        this.#server.kick(event.database)
        break
      case 'freeze':
      case 'suspend': {
        const { now } = this.#clock
        this.#clock[event.type](event.duration)
        this.#troubles.add('process', now, this.#clock.now - 1)
        break
      }
      case 'clock':
        this.#clock.setLocal(event.skew)
        this.#troubles.add('process', this.#clock.now, this.#clock.now + second)
    }
  }

  #say(line: string): void {
    this.#log?.(`${elapsed(this.#clock.now - EPOCH)}  ${line}`)
  }
}

function isFault(type: StoryEvent['type']): boolean {
  return !['query', 'burst', 'transaction', 'connect', 'disconnect', 'warmUp'].includes(type)
}
