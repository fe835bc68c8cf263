// A server that takes tokens over TLS and answers at once, in a process of its own.
import { startEntraServer } from '../../test/proxy/entra-server.ts'
import { type Serving, serveCanned } from '../canned-server.ts'
import { serveParent } from '../child.ts'

/** Where it is. */
export interface Place {
  port: number
  ca: string
}

const serving: Serving = { delay: 0 }
const { port, ca } = await startEntraServer({ serve: (stream) => serveCanned(stream, serving) })
process.once('disconnect', () => process.exit())
const place: Place = { port, ca }
serveParent(place, async ({ delay }: Pick<Serving, 'delay'>) => {
  serving.delay = delay
})
