import { defaultRotationTiming, type PoolSettings, poolSettings } from '../../src/pool/settings.ts'
import { TokenSource } from '../../src/token/token-source.ts'
import { SimClient } from './client.ts'
import { EPOCH, elapsed, hour, minute, SimClock, second, settle } from './clock.ts'
import { SimCredential } from './credential.ts'
import { FaultLog } from './fault-log.ts'
import { Invariants } from './invariants.ts'
import { SeededRandom } from './random.ts'
import type { Scenario, ScenarioEvent, Setting } from './scenario.ts'
import { SimServer } from './server.ts'
import { type Violation, Violations } from './violations.ts'

/** More steps than this without time passing are a livelock. */
const MOST_STEPS_AT_ONCE = 20_000

/** The outcome of a scenario. */
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

/** Runs a scenario to its end, or until an invariant is violated. */
export async function run(scenario: Scenario, log?: (line: string) => void): Promise<Outcome> {
  const world = new World(scenario, log)
  const onUnhandled = (error: unknown) => world.violations.report('unhandled rejection', String(error))
  const onWarning = (warning: Error) => world.violations.report('warning', warning.message)
  process.on('unhandledRejection', onUnhandled)
  process.on('warning', onWarning)
  try {
    return await world.run()
  } finally {
    process.off('unhandledRejection', onUnhandled)
    process.off('warning', onWarning)
  }
}

/** The pool settings of a scenario. */
function settingsOf({ max, min, validation, sessionsOutliveTokens, maxAge }: Setting): PoolSettings {
  const validateConnection = { always: true, never: false, 'after-idle': undefined }[validation]
  const config = { server: 'simulated', pool: { max, min }, validateConnection }
  return poolSettings(config, { ...defaultRotationTiming, sessionsOutliveTokens, maxAge })
}

class World {
  readonly violations: Violations
  readonly #scenario: Scenario
  readonly #clock: SimClock
  readonly #faultLog = new FaultLog()
  readonly #credential: SimCredential
  readonly #server: SimServer
  readonly #clients: SimClient[] = []
  readonly #invariants: Invariants
  readonly #log: ((line: string) => void) | undefined
  #stepsAtOnce = 0
  #lastNow = 0

  constructor(scenario: Scenario, log: ((line: string) => void) | undefined) {
    const { seed, setting } = scenario
    const clock = new SimClock()
    const violations = new Violations(() => clock.now - EPOCH)
    const faults = this.#faultLog
    const credential = new SimCredential(clock, new SeededRandom(seed, 2), setting, faults, violations)
    const server = new SimServer(clock, new SeededRandom(seed, 3), setting, credential, faults)
    const source = new TokenSource(credential, {
      scope: 's',
      clock: clock.local,
      random: new SeededRandom(seed, 4).next,
      onEvent: (event) => this.#invariants.onToken(event),
    })
    this.#scenario = scenario
    this.#clock = clock
    this.violations = violations
    this.#log = log
    this.#credential = credential
    this.#server = server
    this.#invariants = new Invariants(clock, setting, source, credential, server, faults, violations, this.#clients)
    if (log) this.#invariants.log = (line) => this.#say(line())
    for (let number = 0; number < setting.clients; number++) {
      const random = new SeededRandom(seed, 5 + number)
      const database = number % setting.databases
      const settings = settingsOf(setting)
      this.#clients.push(new SimClient(number, database, settings, clock, random, server, source, this.#invariants))
    }
  }

  async run(): Promise<Outcome> {
    for (const event of this.#scenario.events) {
      await this.#runUntil(EPOCH + event.at)
      if (this.violations.first) break
      this.#say(`* ${JSON.stringify({ ...event, at: undefined })}`)
      this.#apply(event)
      await this.#settled()
    }
    await this.#runUntil(EPOCH + this.#scenario.hours * hour)
    const hours = (this.#clock.now - EPOCH) / hour
    await this.#end()
    const { works, failures, rotations } = this.#invariants.counts
    return {
      violation: this.violations.first,
      hours,
      steps: this.#clock.steps,
      works,
      faults: this.#scenario.events.filter(({ type }) => isFault(type)).length,
      rotations,
      failures: Object.fromEntries(failures),
      tokenRequests: this.#credential.requests,
      logins: this.#server.logins,
    }
  }

  async #runUntil(time: number): Promise<void> {
    while (this.violations.first === undefined && this.#clock.nextAt <= time) {
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
    if (this.#stepsAtOnce > MOST_STEPS_AT_ONCE) this.violations.report('livelock', 'time stands still')
    this.#invariants.check()
  }

  /** Disconnects all clients, after which nothing may be left. */
  async #end(): Promise<void> {
    // Work in progress may connect again if it comes too late.
    for (const pause of [10 * minute, this.#scenario.setting.lifetime + 10 * minute, 10 * minute]) {
      if (this.violations.first) return
      for (const client of this.#clients) void client.disconnect()
      await this.#settled()
      await this.#runUntil(this.#clock.now + pause)
    }
    this.#invariants.checkRest()
    const busy = this.#clients.filter((client) => !client.atRest || client.running.size > 0)
    if (busy.length > 0) this.violations.report('left after disconnect', `${busy.length} clients are not at rest`)
  }

  #apply(event: ScenarioEvent): void {
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
        this.#faultLog.add('process', now, this.#clock.now - 1)
        break
      }
      case 'clock':
        this.#clock.setLocal(event.skew)
        this.#faultLog.add('process', this.#clock.now, this.#clock.now + second)
    }
  }

  #say(line: string): void {
    this.#log?.(`${elapsed(this.#clock.now - EPOCH)}  ${line}`)
  }
}

function isFault(type: ScenarioEvent['type']): boolean {
  return !['query', 'burst', 'transaction', 'connect', 'disconnect', 'warmUp'].includes(type)
}
