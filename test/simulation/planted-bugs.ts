import { ClientAdapter } from '../../src/client/client-adapter.ts'
import { ClientTransaction } from '../../src/client/client-transaction.ts'
import { CredentialChain } from '../../src/credentials/chain.ts'
import { EntraError } from '../../src/errors/entra-error.ts'
import { PrismaCodeError } from '../../src/errors/prisma-error.ts'
import { Connections } from '../../src/pool/connections.ts'
import { Logins } from '../../src/pool/logins.ts'
import { Pool } from '../../src/pool/pool.ts'
import { Queue } from '../../src/pool/queue.ts'
import { Rotation } from '../../src/pool/rotation.ts'
import type { PoolSettings } from '../../src/pool/settings.ts'
import { Validations } from '../../src/pool/validations.ts'
import { Alarm } from '../../src/time/alarm.ts'
import { Stopwatch, systemClock } from '../../src/time/clock.ts'
import { RequestPause } from '../../src/token/token-request.ts'
import { TokenSource } from '../../src/token/token-source.ts'
import { SimClient } from './client.ts'
import { EPOCH, LocalClock } from './clock.ts'
import { SimConnection } from './connection.ts'
import type { Breach } from './violations.ts'

/** A bug to plant in its own thread. */
export interface Bug {
  name: string
  /** The invariants that it may violate first. */
  breaks: Breach[]
  /** The first seed, for a bug that rarely shows. */
  from?: number
  plant(): void
}

/** @throws if there is no such bug, or no such method to replace */
export function plant(name: string): void {
  const bug = bugs.find((it) => it.name === name)
  if (bug === undefined) throw new Error(`There is no bug named "${name}".`)
  bug.plant()
}

/** Replaces a method. */
export function replace<T extends object, K extends keyof T & string>(
  prototype: T,
  name: K,
  by: (original: T[K]) => T[K],
): void {
  const original = Object.getOwnPropertyDescriptor(prototype, name)?.value
  if (typeof original !== 'function') throw new Error(`${prototype.constructor.name} has no method ${name}.`)
  Object.defineProperty(prototype, name, { value: by(original) })
}

/** The same for a getter. */
export function replaceGetter<T extends object, K extends keyof T & string>(
  prototype: T,
  name: K,
  by: (self: T, original: T[K]) => T[K],
): void {
  const get = Object.getOwnPropertyDescriptor(prototype, name)?.get
  if (get === undefined) throw new Error(`${prototype.constructor.name} has no getter ${name}.`)
  Object.defineProperty(prototype, name, {
    get() {
      return by(this, get.call(this))
    },
  })
}

/** Plants a bug in the settings of the pools. */
function change(settings: Partial<PoolSettings>): void {
  replaceGetter(SimClient.prototype, 'poolSettings', (_, right) => ({ ...right, ...settings }))
}

export const bugs: readonly Bug[] = [
  {
    name: 'a connection is lent without validation',
    breaks: ['not validated'],
    plant: () => replace(Validations.prototype, 'isNeeded', () => () => false),
  },
  {
    name: 'a lost connection raises no suspicion about others',
    breaks: ['not validated'],
    from: 57,
    plant: () => replace(Connections.prototype, 'suspect', () => () => {}),
  },
  {
    name: 'a validation is good forever',
    breaks: ['not validated'],
    plant: () => {
      const validated = new WeakSet()
      replace(
        Validations.prototype,
        'isNeeded',
        (original) =>
          function (this: Validations<never>, entry) {
            if (validated.has(entry) || !original.call(this, entry)) return false
            validated.add(entry)
            return true
          },
      )
    },
  },
  {
    name: 'a connection hides its open transaction',
    breaks: ['lent in a transaction'],
    plant: () => replaceGetter(SimConnection.prototype, 'isUsable', ({ session }) => session.state === 'open'),
  },
  {
    name: 'the isolation level of a transaction stays on the session',
    breaks: ['wrong isolation level'],
    plant: () => replace(SimConnection.prototype, 'restoreIsolationLevel', () => async () => {}),
  },
  {
    name: 'new work may begin up to the end of a token',
    breaks: ['expired token used'],
    from: 62,
    plant: () =>
      replace(
        Connections.prototype,
        'isFresh',
        () =>
          ({ connection }) =>
            connection.lease.timeLeft > 0,
      ),
  },
  {
    name: 'connections with an older token are not recognized',
    breaks: ['late rotation', 'closed before its replacement', 'expired token used'],
    plant: () => replace(Connections.prototype, 'isOutdated', () => () => false),
  },
  {
    name: 'nothing is closed when it is due',
    breaks: ['open after expiry'],
    plant: () => replace(Connections.prototype, 'closeDue', () => () => Number.POSITIVE_INFINITY),
  },
  {
    name: 'idle connections are closed though there are no more than the minimum',
    breaks: ['fewer than the minimum'],
    plant: () => change({ min: 0 }),
  },
  {
    name: 'an idle connection is overlooked now and then',
    breaks: ['idle while work waits'],
    plant: () => {
      let calls = 0
      replace(
        Connections.prototype,
        'takeIdle',
        (original) =>
          function (this: Connections<never>) {
            return ++calls % 7 === 0 ? undefined : original.call(this)
          },
      )
    },
  },
  {
    name: 'an old connection is closed when it is given back, even without a replacement',
    breaks: ['closed before its replacement'],
    plant: () => replace(Rotation.prototype, 'takes', () => () => true),
  },
  {
    name: 'a rotation opens no replacements',
    breaks: ['closed before its replacement'],
    plant: () => replaceGetter(Connections.prototype, 'replacementsNeeded', () => 0),
  },
  {
    name: 'a rotation is never planned',
    breaks: ['late rotation'],
    plant: () => replace(Rotation.prototype, 'plan', () => () => {}),
  },
  {
    name: 'a failed rotation is retried at once',
    breaks: ['storm of logins', 'livelock'],
    plant: () =>
      replace(
        Rotation.prototype,
        'plan',
        (original) =>
          function (this: Rotation<never>, reason) {
            original.call(this, reason, 0)
          },
      ),
  },
  {
    name: 'all replacements log in at once',
    breaks: ['logins at once', 'too many connections'],
    from: 21,
    plant: () => change({ loginsAtOnce: 20 }),
  },
  {
    name: 'more connections than allowed may be open',
    breaks: ['too many connections'],
    plant: () => change({ max: 14 }),
  },
  {
    name: 'work does not wait for a database that is briefly down',
    breaks: ['failed without cause'],
    plant: () => replace(Logins.prototype, 'mayPass', () => () => false),
  },
  {
    name: 'failed logins are retried at once',
    breaks: ['storm of logins', 'livelock'],
    plant: () => replaceGetter(Logins.prototype, 'delay', () => 0),
  },
  {
    name: 'the last in the queue is served first',
    breaks: ['out of turn', 'endless wait'],
    plant: () =>
      replace(
        Queue.prototype,
        'join',
        (original) =>
          function (this: Queue<unknown>) {
            return original.call(this, new Stopwatch(systemClock))
          },
      ),
  },
  {
    name: 'work that waits is never rejected',
    breaks: ['endless wait', 'left after disconnect', 'storm of logins'],
    plant: () => replace(Queue.prototype, 'reject', () => () => {}),
  },
  {
    name: 'a connection is not always given back',
    breaks: ['failed without cause', 'endless wait', 'left after disconnect', 'idle while work waits'],
    plant: () => {
      let calls = 0
      replace(
        Pool.prototype,
        'release',
        (original) =>
          function (this: Pool<never>, connection) {
            if (++calls % 50 > 0) original.call(this, connection)
          },
      )
    },
  },
  {
    name: 'a transaction ignores the clock',
    breaks: ['expired token used'],
    plant: () => replace(Pool.prototype, 'maySend', () => () => true),
  },
  {
    name: 'a statement whose connection was lost is run again',
    breaks: ['statement run twice', 'wrong error'],
    plant: () =>
      replace(
        ClientAdapter.prototype,
        'queryRaw',
        (original) =>
          function (this: ClientAdapter, query) {
            const run = () => original.call(this, query)
            return run().catch((error) => (isOf(error, 'CONNECTION_LOST') ? run() : Promise.reject(error)))
          },
      ),
  },
  {
    name: 'a statement is run again inside a transaction',
    breaks: ['retried in a transaction'],
    plant: () =>
      replace(
        ClientTransaction.prototype,
        'executeRaw',
        (original) =>
          function (this: ClientTransaction, query) {
            return original.call(this, query).catch(() => original.call(this, query))
          },
      ),
  },
  {
    name: 'a failed COMMIT is reported as successful',
    breaks: ['wrong error'],
    plant: () =>
      replace(
        ClientTransaction.prototype,
        'commit',
        (original) =>
          function (this: ClientTransaction) {
            return original.call(this).catch(() => {})
          },
      ),
  },
  {
    name: 'a disconnect closes nothing',
    breaks: ['left after disconnect', 'endless wait'],
    plant: () =>
      replace(
        Connections.prototype,
        'close',
        (original) =>
          function (this: Connections<never>, entry, reason) {
            if (reason !== 'disconnected') original.call(this, entry, reason)
          },
      ),
  },
  {
    name: 'busy connections are closed because of their age',
    breaks: ['cut too early'],
    plant: () => {
      replace(
        Connections.prototype,
        'retireOutdated',
        () =>
          function (this: Connections<never>) {
            for (const entry of this.outdated) this.close(entry, 'replaced')
          },
      )
    },
  },
  {
    name: 'timers are never set',
    breaks: ['open after expiry', 'endless wait', 'late rotation', 'fewer than the minimum', 'failed without cause'],
    plant: () => replace(Alarm.prototype, 'set', () => () => {}),
  },
  {
    name: 'the monotonic clock follows the local clock',
    breaks: [
      'failed without cause',
      'endless wait',
      'late rotation',
      'expired token used',
      'open after expiry',
      'not validated',
    ],
    plant: () =>
      replace(
        LocalClock.prototype,
        'monotonic',
        () =>
          function (this: LocalClock) {
            return this.now()
          },
      ),
  },
  {
    name: 'the time of a suspend is not noticed',
    breaks: ['expired token used', 'open after expiry', 'not validated', 'failed without cause'],
    plant: () =>
      replace(
        LocalClock.prototype,
        'now',
        () =>
          function (this: LocalClock) {
            return EPOCH + this.monotonic()
          },
      ),
  },
  {
    name: 'no token is requested ahead of time',
    breaks: ['late rotation', 'delayed without cause'],
    plant: () => replace(TokenSource.prototype, 'subscribe', () => () => () => {}),
  },
  {
    name: 'tokens are requested although nothing is open',
    breaks: ['idle costs', 'left after disconnect'],
    plant: () =>
      replace(
        TokenSource.prototype,
        'subscribe',
        (original) =>
          function (this: TokenSource, listener) {
            original.call(this, listener)
            return () => {}
          },
      ),
  },
  {
    name: 'two token requests at once',
    breaks: ['requests in flight', 'Retry-After ignored'],
    plant: () =>
      replace(
        CredentialChain.prototype,
        'getToken',
        (original) =>
          function (this: CredentialChain<unknown>, ...asked) {
            original.call(this, ...asked).catch(() => {})
            return original.call(this, ...asked)
          },
      ),
  },
  {
    name: 'failed token requests are retried at once',
    breaks: ['storm of token requests', 'Retry-After ignored', 'livelock'],
    plant: () => replace(RequestPause.prototype, 'left', () => () => 0),
  },
]

function isOf(error: unknown, code: string): boolean {
  const cause = error instanceof PrismaCodeError ? error.cause : error
  return cause instanceof EntraError && cause.code === code
}
