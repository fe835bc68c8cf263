import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { TlsRecords } from '../../src/tds/tls.ts'

const record = fc
  .tuple(fc.integer({ min: 0x14, max: 0x17 }), fc.uint8Array({ maxLength: 60 }))
  .map(([type, body]) => Buffer.from([type, 3, 3, body.length >> 8, body.length & 0xff, ...body]))
/** What comes behind TLS begins with the type of a TDS packet. */
const behind = fc
  .tuple(fc.constantFrom(0x01, 0x03, 0x06, 0x10, 0x12), fc.uint8Array({ maxLength: 60 }))
  .map(([type, body]) => Buffer.from([type, ...body]))

describe('the end of TLS in a stream', () => {
  it('is found however the stream is cut', () => {
    fc.assert(
      fc.property(
        fc.array(record, { maxLength: 5 }),
        fc.option(behind, { nil: Buffer.alloc(0) }),
        fc.array(fc.integer({ min: 1, max: 30 }), { minLength: 1, maxLength: 10 }),
        (list, tail, cuts) => {
          const whole = Buffer.concat([...list, tail])
          const records = new TlsRecords()
          const taken: Buffer[] = []
          for (let at = 0, i = 0; at < whole.length; i++) {
            const size = cuts[i % cuts.length] ?? 1
            taken.push(records.take(whole.subarray(at, at + size)))
            at += size
          }
          expect(Buffer.concat(taken)).toEqual(Buffer.concat(list))
          expect(records.behind).toEqual(tail)
          expect(records.atBoundary).toBe(true)
        },
      ),
    )
  })

  it.each([1, 4, 5, 6, 9])('is not within a record, %i bytes of which have come', (length) => {
    const records = new TlsRecords()
    records.take(Buffer.from([0x17, 3, 3, 0, 5, 1, 2, 3, 4, 5]).subarray(0, length))
    expect(records.atBoundary).toBe(false)
    expect(records.behind).toHaveLength(0)
  })
})
