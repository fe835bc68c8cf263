import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { TdsProtocolError } from '../../../src/tds/bytes.ts'
import { PacketType } from '../../../src/tds/packet.ts'
import { runs } from '../../support/property-runs.ts'
import { parseRequest } from './requests.ts'

const types = [PacketType.SQL_BATCH, PacketType.RPC, PacketType.TRANSACTION_MANAGER, PacketType.BULK_LOAD]
const headers = Buffer.from([4, 0, 0, 0])

describe('a request', () => {
  it('is read or rejected, whatever its bytes', () => {
    fc.assert(
      fc.property(fc.constantFrom(...types), fc.boolean(), fc.uint8Array({ maxLength: 120 }), (type, sound, bytes) => {
        try {
          parseRequest(type, Buffer.concat([sound ? headers : Buffer.alloc(0), Buffer.from(bytes)]))
        } catch (error) {
          expect(error).toBeInstanceOf(TdsProtocolError)
        }
      }),
      runs(3_000),
    )
  })

  it.each([
    ['sp_cursoropen', [0xff, 0xff, 2, 0, 0, 0], 'the procedure sp_cursoropen as a remote call'],
    ['sp_prepare', [0xff, 0xff, 11, 0, 0, 0], 'the procedure sp_prepare as a remote call'],
  ])('for %s is rejected by name', (_, bytes, what) => {
    const payload = Buffer.concat([headers, Buffer.from(bytes)])
    expect(parseRequest(PacketType.RPC, payload)).toEqual({ kind: 'unsupported', what })
  })
})
