import { describe, expect, it } from 'vitest'
import { acknowledgesToken, passedFeatures } from '../../src/login/token-login.ts'
import { acceptedLogin } from '../../src/proxy/answers.ts'
import { encodeFedAuthInfo, Feature, type FeatureData } from '../../src/tds/features.ts'
import { parseLoginResponse } from '../../src/tds/login-response.ts'
import {
  DoneStatus,
  EnvChange,
  encodeDone,
  encodeEnhancedRouting,
  encodeFeatureExtAck,
  encodeInfo,
  encodeLoginAck,
  encodeSessionState,
  encodeTextChange,
  TokenType,
} from '../../src/tds/tokens.ts'

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

describe('the server’s answer', () => {
  it.each([
    ['to a client that asked for nothing has no features', [FEDAUTH, UTF8], [], undefined],
    ['has the features that the client asked for', [FEDAUTH, UTF8, RECOVERY], [RECOVERY, UTF8], [UTF8, RECOVERY]],
    ['has no feature that the server did not grant', [FEDAUTH], [UTF8], undefined],
  ])('%s', (_, given, asked, left) => {
    const features = left === undefined ? Buffer.alloc(0) : encodeFeatureExtAck(left)
    expect(acceptedLogin(granted(...given), asked)).toEqual(Buffer.concat([before, features, after]))
  })

  it('has no FEDAUTHINFO', () => {
    const info = encodeFedAuthInfo({ stsUrl: 'https://sts', spn: 'https://spn' })
    expect(acceptedLogin(parseLoginResponse(Buffer.concat([before, info, after])), [])).toEqual(
      Buffer.concat([before, after]),
    )
  })

  it('has no grant of a feature that is not passed on, though the client asked for it', () => {
    const asked = [Feature.AZURE_SQL_SUPPORT, Feature.AZURE_SQL_DNS_CACHING, Feature.ENHANCED_ROUTING, 0x7f].map(
      (id) => ({ id, data: Buffer.from([1]) }),
    )
    expect(passedFeatures([...asked, UTF8, FEDAUTH, RECOVERY])).toEqual([UTF8, RECOVERY])
    expect(acceptedLogin(granted(FEDAUTH, ...asked), asked)).toEqual(Buffer.concat([before, after]))
  })

  it('has nothing that would lead the client past the proxy', () => {
    const partner = encodeTextChange(EnvChange.MIRRORING_PARTNER, 'partner.example')
    const enhanced = encodeEnhancedRouting({ host: 'elsewhere.example', port: 1433, database: 'replica' })
    const answer = parseLoginResponse(Buffer.concat([partner, before, enhanced, after]))
    expect(acceptedLogin(answer, [])).toEqual(Buffer.concat([before, after]))
  })

  it('has SESSIONSTATE for who asked for session recovery', () => {
    const state = encodeSessionState(1, Array(300).fill({ id: 0, value: Buffer.alloc(250) }))
    const answer = parseLoginResponse(Buffer.concat([before, state, after]))
    expect(acceptedLogin(answer, [RECOVERY])).toEqual(Buffer.concat([before, state, after]))
    expect(acceptedLogin(answer, [UTF8])).toEqual(Buffer.concat([before, after]))
  })

  it('has one DONE, at its end, and no word of procedures', () => {
    const procedures = [TokenType.DONEINPROC, TokenType.DONEPROC, TokenType.DONE].map((type) =>
      encodeDone(DoneStatus.MORE, 1n, 0xc1, type),
    )
    const answer = parseLoginResponse(Buffer.concat([...procedures, before, after]))
    expect(acceptedLogin(answer, [])).toEqual(Buffer.concat([before, after]))
  })

  it('ends before a token that is not known, and the token counts as taken', () => {
    const answer = parseLoginResponse(Buffer.concat([before, Buffer.from([0x42, 1, 2, 3])]))
    expect(acceptedLogin(answer, [])).toEqual(Buffer.concat([before, after]))
    expect(acknowledgesToken(answer)).toBe(true)
  })

  it('says whether the token was taken', () => {
    expect(acknowledgesToken(granted(UTF8, FEDAUTH))).toBe(true)
    expect(acknowledgesToken(granted(UTF8))).toBe(false)
    expect(acknowledgesToken(parseLoginResponse(Buffer.concat([before, after])))).toBe(false)
  })
})
