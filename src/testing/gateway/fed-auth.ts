import { ByteReader, TdsProtocolError, uint32 } from '../../tds/bytes.ts'
import { type FedAuthInfo, FedAuthInfoId, FedAuthLibrary, type FedAuthRequest } from '../../tds/features.ts'
import { TokenType } from '../../tds/tokens.ts'

/** Reads the data of LOGIN7's FEDAUTH feature. @throws {@link TdsProtocolError} */
export function parseFedAuthRequest(data: Buffer): FedAuthRequest {
  const reader = new ByteReader(data, 'the FEDAUTH feature')
  const options = reader.uint8()
  const echo = (options & 1) === 1
  const library = options >> 1
  if (library === FedAuthLibrary.ADAL) return { library, echo, workflow: reader.uint8() }
  if (library !== FedAuthLibrary.SECURITY_TOKEN) {
    throw new TdsProtocolError(`FEDAUTH library ${library} is not known here.`)
  }
  return { library, echo, token: reader.bytes(reader.uint32()).toString('utf16le') }
}

/** The FEDAUTHINFO token, with its type byte (MS-TDS 2.2.7.12). */
export function encodeFedAuthInfo({ stsUrl, spn }: FedAuthInfo): Buffer {
  const values: [number, Buffer][] = [
    [FedAuthInfoId.STSURL, Buffer.from(stsUrl, 'utf16le')],
    [FedAuthInfoId.SPN, Buffer.from(spn, 'utf16le')],
  ]
  let offset = 4 + values.length * 9
  const index = values.map(([id, value]) => {
    const entry = Buffer.concat([Buffer.from([id]), uint32(value.length), uint32(offset)])
    offset += value.length
    return entry
  })
  const body = Buffer.concat([uint32(values.length), ...index, ...values.map(([, value]) => value)])
  return Buffer.concat([Buffer.from([TokenType.FEDAUTHINFO]), uint32(body.length), body])
}

/** The body of a FEDAUTH_TOKEN message (packet type 0x08, MS-TDS 2.2.6.3). */
export function encodeFedAuthToken(token: string): Buffer {
  const bytes = Buffer.from(token, 'utf16le')
  return Buffer.concat([uint32(bytes.length + 4), uint32(bytes.length), bytes])
}

/** @throws {@link TdsProtocolError} */
export function parseFedAuthToken(body: Buffer): string {
  const reader = new ByteReader(body, 'the FEDAUTH_TOKEN message')
  reader.uint32()
  return reader.bytes(reader.uint32()).toString('utf16le')
}
