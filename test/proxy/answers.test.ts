import { describe, expect, it } from 'vitest'
import { EntraError, type EntraErrorCode } from '../../src/errors/entra-error.ts'
import { loginRefused } from '../../src/login/refusals.ts'
import { acknowledgesToken, passedFeatures } from '../../src/login/token-login.ts'
import { LOGIN_FAILED } from '../../src/login/token-refusal.ts'
import {
  acceptedLogin,
  encodeFailure,
  type FailureAnswer,
  failedLogin,
  OWN_MESSAGE,
  refusedLogin,
  splitText,
  UNREADABLE_LOGIN,
} from '../../src/proxy/answers.ts'
import { Feature, type FeatureData } from '../../src/tds/features.ts'
import { LoginRefusedError, parseLoginResponse } from '../../src/tds/login-response.ts'
import {
  DoneStatus,
  EnvChange,
  encodeDone,
  encodeFeatureExtAck,
  encodeInfo,
  encodeLoginAck,
  type ServerMessage,
  TokenType,
} from '../../src/tds/tokens.ts'
import { encodeFedAuthInfo } from '../../src/testing/gateway/fed-auth.ts'
import { encodeEnhancedRouting, encodeSessionState, encodeTextChange } from '../../src/testing/gateway/server-tokens.ts'

const FEDAUTH = { id: Feature.FEDAUTH, data: Buffer.alloc(0) }
const UTF8 = { id: Feature.UTF8_SUPPORT, data: Buffer.from([1]) }
const RECOVERY = { id: Feature.SESSION_RECOVERY, data: Buffer.alloc(20, 3) }

const before = Buffer.concat([
  encodeTextChange(EnvChange.DATABASE, 'app', 'master'),
  encodeInfo({ number: 5701, state: 1, class: 0, message: 'Changed database context.' }),
  encodeLoginAck('Microsoft SQL Server', [16, 0, 0, 0]),
])
const after = encodeDone(DoneStatus.FINAL)
const granted = (...features: FeatureData[]) =>
  parseLoginResponse(Buffer.concat([before, encodeFeatureExtAck(features), after]))

const accepted = (tokens: ReturnType<typeof parseLoginResponse>, features: FeatureData[], tdsVersion = 0x74000004) =>
  acceptedLogin(tokens, { features, tdsVersion })

describe('the server’s answer to a login', () => {
  it.each([
    ['7.3.B', 0x730b0003, 0x730b0003],
    ['7.4', 0x74000004, 0x74000004],
    ['8', 0x08000000, 0x74000004],
  ])('to a client of TDS %s names a version that it knows', (_, asked, named) => {
    const [ack] = parseLoginResponse(accepted(granted(), [], asked)).filter(({ kind }) => kind === 'loginAck')
    expect(ack?.bytes.readUInt32BE(4)).toBe(named)
  })

  it.each([
    ['to a client that asked for nothing has no features', [FEDAUTH, UTF8], [], undefined],
    ['has the features that the client asked for', [FEDAUTH, UTF8, RECOVERY], [RECOVERY, UTF8], [UTF8, RECOVERY]],
    ['has no feature that the server did not grant', [FEDAUTH], [UTF8], undefined],
  ])('%s', (_, given, asked, left) => {
    const features = left === undefined ? Buffer.alloc(0) : encodeFeatureExtAck(left)
    expect(accepted(granted(...given), asked)).toEqual(Buffer.concat([before, features, after]))
  })

  it('has no FEDAUTHINFO', () => {
    const info = encodeFedAuthInfo({ stsUrl: 'https://sts', spn: 'https://spn' })
    expect(accepted(parseLoginResponse(Buffer.concat([before, info, after])), [])).toEqual(
      Buffer.concat([before, after]),
    )
  })

  it('does not grant a feature that is not passed on, even if the client asked for it', () => {
    const asked = [Feature.AZURE_SQL_SUPPORT, Feature.AZURE_SQL_DNS_CACHING, Feature.ENHANCED_ROUTING, 0x7f].map(
      (id) => ({ id, data: Buffer.from([1]) }),
    )
    expect(passedFeatures([...asked, UTF8, FEDAUTH, RECOVERY])).toEqual([UTF8, RECOVERY])
    expect(accepted(granted(FEDAUTH, ...asked), asked)).toEqual(Buffer.concat([before, after]))
  })

  it('contains nothing that would redirect the client past the proxy', () => {
    const partner = encodeTextChange(EnvChange.MIRRORING_PARTNER, 'partner.example')
    const enhanced = encodeEnhancedRouting({ host: 'elsewhere.example', port: 1433, database: 'replica' })
    const answer = parseLoginResponse(Buffer.concat([partner, before, enhanced, after]))
    expect(accepted(answer, [])).toEqual(Buffer.concat([before, after]))
  })

  it('has SESSIONSTATE for a client that asked for session recovery', () => {
    const state = encodeSessionState(1, Array(300).fill({ id: 0, value: Buffer.alloc(250) }))
    const answer = parseLoginResponse(Buffer.concat([before, state, after]))
    expect(accepted(answer, [RECOVERY])).toEqual(Buffer.concat([before, state, after]))
    expect(accepted(answer, [UTF8])).toEqual(Buffer.concat([before, after]))
  })

  it('has one DONE, at its end, and no procedure tokens', () => {
    const procedures = [TokenType.DONEINPROC, TokenType.DONEPROC, TokenType.DONE].map((type) =>
      encodeDone(DoneStatus.MORE, 1n, 0xc1, type),
    )
    const answer = parseLoginResponse(Buffer.concat([...procedures, before, after]))
    expect(accepted(answer, [])).toEqual(Buffer.concat([before, after]))
  })

  it('ends before a token of unknown type, and the login counts as accepted', () => {
    const answer = parseLoginResponse(Buffer.concat([before, Buffer.from([0x42, 1, 2, 3])]))
    expect(accepted(answer, [])).toEqual(Buffer.concat([before, after]))
    expect(acknowledgesToken(answer)).toBe(true)
  })

  it('shows whether the access token was accepted', () => {
    expect(acknowledgesToken(granted(UTF8, FEDAUTH))).toBe(true)
    expect(acknowledgesToken(granted(UTF8))).toBe(false)
    expect(acknowledgesToken(parseLoginResponse(Buffer.concat([before, after])))).toBe(false)
  })
})

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

describe('the server’s refusal of a login', () => {
  it('reaches the client unchanged and in order, followed by what to do', () => {
    const { error, messages } = refusedWith(
      [4060, 'Cannot open database "app" requested by the login. The login failed.'],
      [18456, "Login failed for user '<token-identified principal>'."],
    )
    const { kinds, errors, infos } = told(failedLogin(error, attempt))
    expect(errors).toEqual(messages)
    expect(kinds).toEqual(['error', 'error', 'info', 'done'])
    expect(infos[0]).toMatchObject({ number: 0, class: 0, message: expect.stringContaining('Check the names of') })
    expect(infos[0]?.message).not.toContain('Cannot open')
  })

  it('has the user and the database where clients look for them, even if our advice quotes others', () => {
    const [database] = told(failedLogin(refusedWith([4060, 'Cannot open database "app".']).error, attempt)).errors
    expect(database?.message.split('"')[1]).toBe('app')
    const [user] = told(failedLogin(refusedWith([18456, "Login failed for user 'u'."]).error, attempt)).errors
    expect(user?.message.split("'")[1]).toBe('u')
  })

  it('may have several lines, none of which is repeated', () => {
    const { infos } = told(failedLogin(refusedWith([40615, 'First line.\nSecond line.']).error, attempt))
    expect(infos.map(({ message }) => message).join('\n')).toMatch(/^The server's firewall/)
  })

  it('is split at word boundaries into pieces that FreeTDS and pymssql accept', () => {
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

describe('the proxy’s own failure', () => {
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
  ])('%s is error %i and begins like SQL Server’s message', (code, number, beginning) => {
    const { errors, infos } = told(failedLogin(new EntraError(code, 'What.\nWhy.'), attempt))
    expect(errors).toMatchObject([{ number, state: 1, class: 14, message: expect.stringMatching(beginning) }])
    expect(errors[0]?.message).toMatch(/What\.\nWhy\.$/)
    expect(infos).toMatchObject([{ message: expect.stringMatching(/^See .*errors\.md#/) }])
  })

  it('names only the server if no database is named', () => {
    const failure = failedLogin(new EntraError('CONNECT_FAILED', 'What.'), { ...attempt, database: '' })
    expect(failure.errors[0]?.message).toMatch(/^Server 'server\.example' is not currently available\. /)
  })

  it('reveals nothing of an unknown error', () => {
    const { errors, infos } = told(failedLogin(new Error('secret'), attempt))
    expect(errors).toMatchObject([{ number: 40613 }])
    expect(JSON.stringify([errors, infos])).not.toContain('secret')
  })

  it('is an error of less than 512 characters, however long its reason', () => {
    const error = new EntraError('TOKEN_UNAVAILABLE', `What.\n${'Why not? '.repeat(1_000)}`)
    const { kinds, errors, infos } = told(failedLogin(error, { ...attempt, user: 'u'.repeat(500) }))
    expect(errors).toHaveLength(1)
    for (const { message } of [...errors, ...infos]) expect(message.length).toBeLessThan(512)
    expect(infos.length).toBeGreaterThan(10)
    expect(kinds.at(-1)).toBe('done')
  })
})

describe('a refused client', () => {
  it.each([
    ['the proxy', LOGIN_FAILED, 18456],
    ['its owner', OWN_MESSAGE, 50_000],
  ])('for %s reads its user first', (_, kind, number) => {
    const [error] = told(refusedLogin(kind, 'someone', "It is not 'wanted'.")).errors
    expect(error).toMatchObject({
      number,
      class: 14,
      message: expect.stringMatching(/^Login failed for user 'someone'\./),
    })
  })

  it('with an unreadable login gets SQL Server’s own message', () => {
    expect(told(UNREADABLE_LOGIN)).toMatchObject({ kinds: ['error', 'done'], errors: [{ number: 17832, class: 20 }] })
  })
})

describe('splitText', () => {
  it.each<[string, string, number, string[]]>([
    ['leaves a text that fits whole', 'One.\nTwo.', 9, ['One.\nTwo.']],
    ['splits between lines first', 'One. Two.\nThree.', 12, ['One. Two.', 'Three.']],
    ['splits a line that is too long between sentences', 'One is. Two is. Three.', 16, ['One is. Two is.', 'Three.']],
    ['splits a sentence that is too long between words', 'one two three four', 9, ['one two', 'three', 'four']],
    ['splits a word that is too long', 'abcdefgh', 3, ['abc', 'def', 'gh']],
    ['never splits a character', 'ab😀cd', 3, ['ab', '😀c', 'd']],
    ['keeps indentation, and drops empty lines around the text', '\n  a\n\n  b\n', 20, ['  a\n\n  b']],
    ['makes nothing of an empty text', '', 20, []],
  ])('%s', (_, text, maxLength, parts) => {
    expect(splitText(text, maxLength)).toEqual(parts)
  })
})
