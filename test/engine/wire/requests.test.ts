import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { TdsProtocolError } from '../../../src/tds/bytes.ts'
import { PacketType } from '../../../src/tds/packet.ts'
import { runs } from '../../support/property-runs.ts'
import { parseBulkLoad } from './bulk-load.ts'
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
    ['sp_cursorprepare', [0xff, 0xff, 3, 0, 0, 0], 'the procedure sp_cursorprepare as a remote call'],
  ])('for %s is rejected by name', (_, bytes, what) => {
    const payload = Buffer.concat([headers, Buffer.from(bytes)])
    expect(parseRequest(PacketType.RPC, payload)).toEqual({ kind: 'unsupported', what })
  })

  it.each<[string, number[], object]>([
    ['COMMIT', [7, 0, 0, 0], { kind: 'commit' }],
    ['COMMIT and a new transaction', [7, 0, 0, 1, 2, 0], { kind: 'commit', next: { isolation: 'READ COMMITTED' } }],
    ['ROLLBACK and a new transaction', [8, 0, 0, 1, 0, 0], { kind: 'rollback', name: '', next: {} }],
  ])('for %s is read', (_, bytes, request) => {
    const payload = Buffer.concat([headers, Buffer.from(bytes)])
    expect(parseRequest(PacketType.TRANSACTION_MANAGER, payload)).toEqual(request)
  })
})

it('a bulk load ends with DONE, or with its message as FreeTDS has it', () => {
  const columns = Buffer.from([0x81, 1, 0, 0, 0, 0, 0, 0, 0, 0x38, 1, 0x61, 0])
  const row = Buffer.from([0xd1, 7, 0, 0, 0])
  const load = { columns: ['a'], rows: [[{ type: { name: 'int' }, value: 7 }]] }
  expect(parseBulkLoad(Buffer.concat([columns, row]))).toEqual(load)
  expect(parseBulkLoad(Buffer.concat([columns, row, Buffer.alloc(13, 0xfd)]))).toEqual(load)
})
