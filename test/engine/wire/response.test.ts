import { Duplex } from 'node:stream'
import { expect, it } from 'vitest'
import { Response } from './response.ts'

it('a long answer lets the process read attentions and other sessions, however fast its client reads', async () => {
  const client = new Duplex({ read() {}, write: (_chunk, _encoding, done) => done() })
  const response = new Response(client, 512, 51, false)
  let hadItsTurn = false
  setImmediate(() => {
    hadItsTurn = true
  })
  await response.add({ kind: 'columns', columns: [{ name: 'a', type: { name: 'varchar', length: 100 } }] })
  for (let i = 0; i < 100; i++) await response.add({ kind: 'row', values: ['x'.repeat(100)] })
  expect(hadItsTurn).toBe(true)
})
