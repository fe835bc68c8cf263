import { describe, expect, it } from 'vitest'
import { acknowledgesToken, answerFor } from '../../src/proxy/answer.ts'
import { Feature, type FeatureData } from '../../src/tds/features.ts'
import { encodeFedAuthInfo } from '../../src/tds/fed-auth.ts'
import { parseLoginResponse } from '../../src/tds/login-response.ts'
import {
  DoneStatus,
  EnvChange,
  encodeDone,
  encodeFeatureExtAck,
  encodeInfo,
  encodeLoginAck,
  encodeTextChange,
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
    expect(answerFor(granted(...given), asked)).toEqual(Buffer.concat([before, features, after]))
  })

  it('has no FEDAUTHINFO', () => {
    const info = encodeFedAuthInfo({ stsUrl: 'https://sts', spn: 'https://spn' })
    expect(answerFor(parseLoginResponse(Buffer.concat([before, info, after])), [])).toEqual(
      Buffer.concat([before, after]),
    )
  })

  it('says whether the token was taken', () => {
    expect(acknowledgesToken(granted(UTF8, FEDAUTH))).toBe(true)
    expect(acknowledgesToken(granted(UTF8))).toBe(false)
    expect(acknowledgesToken(parseLoginResponse(Buffer.concat([before, after])))).toBe(false)
  })
})
