import { describe, expect, it } from 'vitest'
import { EntraError, type EntraErrorCode } from '../../src/errors/entra-error.ts'
import { loginRefused } from '../../src/login/refusals.ts'
import {
  encodeFailure,
  type FailureAnswer,
  failedLogin,
  LOGIN_FAILED,
  OWN_MESSAGE,
  refusedLogin,
  UNREADABLE_LOGIN,
} from '../../src/proxy/answers.ts'
import { LoginRefusedError, parseLoginResponse } from '../../src/tds/login-response.ts'
import type { ServerMessage } from '../../src/tds/tokens.ts'

const attempt = { user: 'entra_1', database: 'app', server: 'server.example' }

/** What the client is sent, by the kinds of tokens. */
function told(failure: FailureAnswer) {
  const tokens = parseLoginResponse(encodeFailure(failure))
  const messages = (kind: 'error' | 'info') => tokens.flatMap((it) => (it.kind === kind ? [it.message] : []))
  return { kinds: tokens.map(({ kind }) => kind), errors: messages('error'), infos: messages('info') }
}

/** The server's errors, as it would send them. */
function refusedWith(...errors: [number, string][]): { error: EntraError; messages: ServerMessage[] } {
  const messages = errors.map(([number, message], i) => ({
    number,
    state: i + 2,
    class: 11 + i,
    message,
    serverName: 'upstream',
    procedureName: 'a procedure',
    line: 65_536,
  }))
  const context = { server: 'server.example', database: 'app', audience: 'a', claims: undefined, now: 0 }
  const [first] = messages
  if (first === undefined) throw new Error('The server must say something.')
  return { error: loginRefused(first, context, new LoginRefusedError(messages)), messages }
}

describe('what the server said of a login', () => {
  it('goes to the client as it is, all of it and in its order, and what to do comes behind it', () => {
    const { error, messages } = refusedWith(
      [4060, 'Cannot open database "app" requested by the login. The login failed.'],
      [18456, "Login failed for user '<token-identified principal>'."],
    )
    const { kinds, errors, infos } = told(failedLogin(error, attempt))
    expect(errors).toEqual(messages)
    expect(kinds).toEqual(['error', 'error', 'info', 'done'])
    expect(infos[0]).toMatchObject({ number: 0, class: 0, message: expect.stringContaining('Check the name of') })
    expect(infos[0]?.message).not.toContain('Cannot open')
  })

  it('has the user and the database where clients look for them, though our advice quotes others', () => {
    const [database] = told(failedLogin(refusedWith([4060, 'Cannot open database "app".']).error, attempt)).errors
    expect(database?.message.split('"')[1]).toBe('app')
    const [user] = told(failedLogin(refusedWith([18456, "Login failed for user 'u'."]).error, attempt)).errors
    expect(user?.message.split("'")[1]).toBe('u')
  })

  it('may have several lines, none of which is said again', () => {
    const { infos } = told(failedLogin(refusedWith([40615, 'First line.\nSecond line.']).error, attempt))
    expect(infos.map(({ message }) => message).join('\n')).toMatch(/^The firewall of the server/)
  })

  it('is told in pieces that FreeTDS and pymssql can take, cut where a person would', () => {
    const sentences = Array.from({ length: 40 }, (_, i) => `This is sentence number ${i} of the advice.`)
    const { infos } = told({ errors: [], advice: `${sentences.join(' ')}\n${'x'.repeat(2_000)}\nThe end.` })
    expect(infos.length).toBeGreaterThan(4)
    for (const { message } of infos) expect(message.length).toBeLessThan(512)
    expect(infos[0]?.message).toMatch(/of the advice\.$/)
    expect(
      infos
        .map(({ message }) => message)
        .join('')
        .replaceAll(/\s/g, ''),
    ).toBe(`${sentences.join('')}${'x'.repeat(2_000)}The end.`.replaceAll(/\s/g, ''))
  })
})

describe('a failure of our own', () => {
  it.each<[EntraErrorCode, number, RegExp]>([
    [
      'CONNECT_FAILED',
      40613,
      /^Database 'app' on server 'server\.example' is not currently available\. Reason: What\./,
    ],
    ['SERVER_NOT_FOUND', 40613, /^Database 'app' on server/],
    ['SERVER_UNREACHABLE', 40613, /^Database 'app' on server/],
    ['LOGIN_TIMEOUT', 40613, /^Database 'app' on server/],
    ['LOGIN_FAILED', 50_000, /^Login failed for user 'entra_1'\. Reason: What\./],
    ['TLS_FAILED', 50_000, /^Login failed for user 'entra_1'\./],
    ['TOKEN_UNAVAILABLE', 50_000, /^Login failed for user 'entra_1'\./],
    ['TOKEN_REQUEST_FAILED', 50_000, /^Login failed for user 'entra_1'\./],
    ['CONFIG_PLAINTEXT', 50_000, /^Login failed for user 'entra_1'\./],
  ])('%s is error %i, and begins as SQL Server’s do', (code, number, beginning) => {
    const { errors, infos } = told(failedLogin(new EntraError(code, 'What.\nWhy.'), attempt))
    expect(errors).toMatchObject([{ number, state: 1, class: 14, message: expect.stringMatching(beginning) }])
    expect(errors[0]?.message).toMatch(/What\.\nWhy\.$/)
    expect(infos).toMatchObject([{ message: expect.stringMatching(/^See .*errors\.md#/) }])
  })

  it('names the server alone where no database is named', () => {
    const failure = failedLogin(new EntraError('CONNECT_FAILED', 'What.'), { ...attempt, database: '' })
    expect(failure.errors[0]?.message).toMatch(/^Server 'server\.example' is not currently available\. /)
  })

  it('shows nothing of what it does not know', () => {
    const { errors, infos } = told(failedLogin(new Error('secret'), attempt))
    expect(errors).toMatchObject([{ number: 40613 }])
    expect(JSON.stringify([errors, infos])).not.toContain('secret')
  })

  it('is an error of less than 512 characters, however much there is to say', () => {
    const error = new EntraError('TOKEN_UNAVAILABLE', `What.\n${'Why not? '.repeat(1_000)}`)
    const { kinds, errors, infos } = told(failedLogin(error, { ...attempt, user: 'u'.repeat(500) }))
    expect(errors).toHaveLength(1)
    for (const { message } of [...errors, ...infos]) expect(message.length).toBeLessThan(512)
    expect(infos.length).toBeGreaterThan(10)
    expect(kinds.at(-1)).toBe('done')
  })
})

describe('a client that is turned away', () => {
  it.each([
    ['the proxy', LOGIN_FAILED, 18456],
    ['its owner', OWN_MESSAGE, 50_000],
  ])('refused by %s reads its user first', (_, kind, number) => {
    const [error] = told(refusedLogin(kind, 'someone', "It is not 'wanted'.")).errors
    expect(error).toMatchObject({
      number,
      class: 14,
      message: expect.stringMatching(/^Login failed for user 'someone'\./),
    })
  })

  it('with a login that cannot be read hears what SQL Server would say', () => {
    expect(told(UNREADABLE_LOGIN)).toMatchObject({ kinds: ['error', 'done'], errors: [{ number: 17832, class: 20 }] })
  })
})
