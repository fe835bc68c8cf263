import type { AccessToken } from '@azure/identity'
import { describe, expect, it } from 'vitest'
import { CredentialChain } from '../../src/credentials/chain.ts'
import { type AskOptions, NamedCredential } from '../../src/credentials/credential.ts'
import { EntraError } from '../../src/errors/entra-error.ts'
import { settle, VirtualClock } from '../support/virtual-clock.ts'

const second = 1_000

/** Answers when the test says so. */
class SlowCredential extends NamedCredential {
  requests: {
    scope: string
    signal: AbortSignal
    answer(token: AccessToken | null): void
    fail(error: unknown): void
  }[] = []

  constructor(name: string, interactive = false) {
    super(name, interactive)
  }

  getToken(scope: string, { abortSignal: signal }: AskOptions): Promise<AccessToken | null> {
    return new Promise((answer, fail) => this.requests.push({ scope, signal, answer, fail }))
  }

  get last() {
    const last = this.requests.at(-1)
    if (last === undefined) throw new Error(`${this.name} was not asked.`)
    return last
  }
}

function setUp(...credentials: SlowCredential[]) {
  const clock = new VirtualClock()
  const accept = (answer: AccessToken | null) => {
    if (answer === null) throw new EntraError('TOKEN_INVALID', 'The credential gave no token (null).')
    return answer
  }
  const chain = new CredentialChain(credentials, clock, accept)
  const stop = new AbortController()
  const request = () => {
    const outcome = chain.getToken('scope', { abortSignal: stop.signal })
    outcome.catch(() => {})
    return outcome
  }
  const asked = () => credentials.map(({ requests }) => requests.length)
  return { clock, chain, request, asked, stop }
}

const token = (name: string): AccessToken => ({ token: name, expiresOnTimestamp: 0 })
const failureOf = (outcome: Promise<unknown>) =>
  outcome.then(
    () => undefined,
    (error: unknown) => error,
  )

describe('one credential', () => {
  it('is asked with the scope, and its token is returned', async () => {
    const only = new SlowCredential('OnlyCredential')
    const { chain, request, clock } = setUp(only)
    expect(chain.serving).toBeUndefined()
    const outcome = request()
    expect(clock.timers).toBe(0)
    expect(only.last.scope).toBe('scope')
    only.last.answer(token('a'))
    expect(await outcome).toEqual(token('a'))
    expect(chain.serving).toBe('OnlyCredential')
  })

  it('is named in the error, and its own error is kept', async () => {
    const only = new SlowCredential('OnlyCredential')
    const { request } = setUp(only)
    const outcome = request()
    const cause = new Error('not today\nor ever')
    only.last.fail(cause)
    expect(await failureOf(outcome)).toMatchObject({
      code: 'TOKEN_REQUEST_FAILED',
      message: expect.stringContaining(
        'OnlyCredential could not get a token: not today Set it up here, or choose another way to sign in',
      ),
      cause,
    })
  })

  it('that is throttled reports so, and for how long if known', async () => {
    const only = new SlowCredential('OnlyCredential')
    const { request } = setUp(only)
    const outcome = request()
    const response = { status: 429, headers: new Map([['retry-after', '7']]) }
    only.last.fail(Object.assign(new Error('slow down'), { response }))
    expect(await failureOf(outcome)).toMatchObject({
      code: 'TOKEN_REQUEST_THROTTLED',
      message: expect.stringContaining('slow down Tokens were requested too often, so none is issued for 7 s.'),
    })
  })

  it('that tried several credentials itself reports the reason of each', async () => {
    const only = new SlowCredential('DefaultAzureCredential')
    const { request } = setUp(only)
    const outcome = request()
    const errors = [new Error('EnvironmentCredential is unavailable.'), new Error('Please run az login')]
    const cause = Object.assign(new Error('ChainedTokenCredential authentication failed.'), { errors })
    only.last.fail(cause)
    expect(await failureOf(outcome)).toMatchObject({
      code: 'CREDENTIALS_FAILED',
      message: expect.stringContaining(
        'DefaultAzureCredential could not get a token:\n' +
          '- EnvironmentCredential is unavailable.\n' +
          '- Please run az login\nSet up one of them here',
      ),
      cause,
      errors,
    })
  })

  it('has its EntraError passed on unchanged', async () => {
    const only = new SlowCredential('OnlyCredential')
    const { request } = setUp(only)
    const outcome = request()
    only.last.answer(null)
    expect(await failureOf(outcome)).toMatchObject({ code: 'TOKEN_INVALID' })
  })
})

describe('several credentials', () => {
  const three = () => {
    const [a, b, c] = [new SlowCredential('A'), new SlowCredential('B'), new SlowCredential('C')]
    return { a, b, c, ...setUp(a, b, c) }
  }

  it('are asked in order, each when the one before cannot get a token', async () => {
    const { a, b, c, chain, request, asked, clock } = three()
    const outcome = request()
    await settle()
    expect(asked()).toEqual([1, 0, 0])
    a.last.fail(new Error('no a'))
    await settle()
    expect(asked()).toEqual([1, 1, 0])
    b.last.answer(null)
    await settle()
    expect(asked()).toEqual([1, 1, 1])
    c.last.answer(token('c'))
    expect(await outcome).toEqual(token('c'))
    expect(chain.serving).toBe('C')
    expect(chain.failures).toMatchObject([
      { credential: 'A', error: { message: 'no a' } },
      { credential: 'B', error: { code: 'TOKEN_INVALID' } },
    ])
    expect(clock.timers).toBe(0)
  })

  it('are not asked after one of them has answered', async () => {
    const { a, request, asked, clock } = three()
    const outcome = request()
    a.last.answer(token('a'))
    await outcome
    await clock.advance(60 * second)
    expect(asked()).toEqual([1, 0, 0])
  })

  it('are asked from the one that answered last, then from the start of the list', async () => {
    const { a, b, c, request, asked, chain } = three()
    const first = request()
    a.last.fail(new Error('no'))
    await settle()
    b.last.answer(token('b1'))
    await first
    const second = request()
    b.last.answer(token('b2'))
    expect(await second).toEqual(token('b2'))
    expect(asked()).toEqual([1, 2, 0])
    expect(chain.failures).toEqual([])

    const third = request()
    b.last.fail(new Error('no more'))
    await settle()
    expect(asked()).toEqual([2, 3, 0])
    a.last.fail(new Error('still not'))
    await settle()
    c.last.answer(token('c'))
    expect(await third).toEqual(token('c'))
    expect(chain.serving).toBe('C')
  })

  it('that all fail are listed in the error, each with its reason', async () => {
    const { a, b, c, request, chain } = three()
    const outcome = request()
    const errors = [new Error('A: is not set up here'), 'plain text', new EntraError('CONFIG_INVALID', 'no tenant')]
    for (const [index, credential] of [a, b, c].entries()) {
      credential.last.fail(errors[index])
      await settle()
    }
    expect(await failureOf(outcome)).toMatchObject({
      code: 'CREDENTIALS_FAILED',
      message: expect.stringContaining(
        'None of 3 credentials could get a token:\n- A: is not set up here\n- B: plain text\n- C: no tenant\nSet',
      ),
      errors,
    })
    expect(chain.serving).toBeUndefined()
  })

  it('do not wait for one that hangs: the next is asked after a while and the hanging one aborted', async () => {
    const { a, b, request, asked, clock, chain } = three()
    const outcome = request()
    await clock.advance(5 * second - 1)
    expect(asked()).toEqual([1, 0, 0])
    await clock.advance(1)
    expect(asked()).toEqual([1, 1, 0])
    expect(a.last.signal.aborted).toBe(false)
    expect(chain.progress()).toBe('No answer yet from A, B.')
    b.last.answer(token('b'))
    expect(await outcome).toEqual(token('b'))
    expect(a.last.signal.aborted).toBe(true)
    expect(clock.timers).toBe(0)
    expect(chain.failures).toMatchObject([{ credential: 'A', error: { code: 'TOKEN_REQUEST_TIMEOUT' } }])
    a.last.answer(token('a'))
    await settle()
    expect(chain.serving).toBe('B')
  })

  it('use a late answer of a slow one', async () => {
    const { a, b, c, request, asked, clock, chain } = three()
    const outcome = request()
    await clock.advance(5 * second)
    b.last.fail(new Error('no b'))
    await settle()
    expect(asked()).toEqual([1, 1, 1])
    expect(chain.progress()).toBe('No answer yet from A, C.\n- B: no b')
    a.last.answer(token('a'))
    expect(await outcome).toEqual(token('a'))
    expect(c.last.signal.aborted).toBe(true)
    expect(chain.serving).toBe('A')
  })

  it('are not hurried by the failure of a slow one', async () => {
    const { a, b, request, asked, clock } = three()
    request()
    await clock.advance(5 * second)
    a.last.fail(new Error('no a'))
    await settle()
    expect(asked()).toEqual([1, 1, 0])
    await clock.advance(5 * second)
    expect(asked()).toEqual([1, 1, 1])
    expect(b.last.signal.aborted).toBe(false)
  })

  it('must all have failed before the error is thrown', async () => {
    const { a, b, c, request, clock } = three()
    const outcome = request()
    await clock.advance(10 * second)
    c.last.fail(new Error('no c'))
    b.last.fail(new Error('no b'))
    await clock.advance(60 * second)
    a.last.fail(new Error('no a'))
    expect(await failureOf(outcome)).toMatchObject({
      message: expect.stringContaining(
        'None of 3 credentials could get a token:\n- C: no c\n- B: no b\n- A: no a\nSet',
      ),
    })
  })

  it('get the abort of the request', async () => {
    const { a, b, request, asked, clock, stop } = three()
    const outcome = request()
    await clock.advance(5 * second)
    stop.abort('enough')
    expect(await failureOf(outcome)).toBe('enough')
    expect(a.last.signal.reason).toBe('enough')
    expect(b.last.signal.reason).toBe('enough')
    expect(clock.timers).toBe(0)
    a.last.fail(new Error('aborted'))
    await clock.advance(60 * second)
    expect(asked()).toEqual([1, 1, 0])
    expect(await failureOf(request())).toBe('enough')
    expect(asked()).toEqual([1, 1, 0])
  })
})

describe('a credential that several chains share', () => {
  it('is asked once if its answer is good for all of them, and again for another scope', async () => {
    const shared = new SlowCredential('AzureCliCredential')
    const [one, other] = [setUp(shared), setUp(shared)]
    const outcomes = [one.request(), other.request(), other.chain.getToken('else', { abortSignal: other.stop.signal })]
    await settle()
    expect(shared.requests.map(({ scope }) => scope)).toEqual(['scope'])
    shared.last.answer({ token: 'first', expiresOnTimestamp: Number.MAX_SAFE_INTEGER })
    await settle()
    expect(shared.requests.map(({ scope }) => scope)).toEqual(['scope', 'else'])
    shared.last.answer(token('second'))
    expect((await Promise.all(outcomes)).map((answer) => answer?.token)).toEqual(['first', 'first', 'second'])
  })
})

describe('a credential that asks a person', () => {
  it('is asked one request at a time', async () => {
    const browser = new SlowCredential('InteractiveBrowserCredential', true)
    const [one, other] = [setUp(browser), setUp(browser)]
    const outcomes = [one.request(), other.request()]
    await settle()
    expect(browser.requests).toHaveLength(1)
    browser.last.answer(token('first'))
    await settle()
    expect(browser.requests).toHaveLength(2)
    browser.last.answer(token('second'))
    expect(await Promise.all(outcomes)).toEqual([token('first'), token('second')])
    expect(one.clock.timers).toBe(0)
  })

  it('that never gets an answer does not block the others forever', async () => {
    const browser = new SlowCredential('InteractiveBrowserCredential', true)
    const { request, clock } = setUp(browser)
    request()
    await clock.advance(170 * second)
    const outcome = request()
    await clock.advance(9 * second)
    expect(browser.requests).toHaveLength(1)
    await clock.advance(second)
    browser.last.answer(token('second'))
    expect(browser.requests).toHaveLength(2)
    expect(await outcome).toEqual(token('second'))
  })

  it('is not asked for a caller that has stopped waiting', async () => {
    const browser = new SlowCredential('InteractiveBrowserCredential', true)
    const [one, other] = [setUp(browser), setUp(browser)]
    one.request()
    await settle()
    const outcome = other.request()
    other.stop.abort('gone')
    expect(await failureOf(outcome)).toBe('gone')
    browser.last.fail(new Error('window closed'))
    await settle()
    expect(browser.requests).toHaveLength(1)
  })
})
