/** The proxy of the benchmark, in a process of its own, so that its memory can be told. */
import { startProxy } from '../src/proxy/proxy.ts'
import { TokenSource } from '../src/token/token-source.ts'
import { targetFor } from './proxy-transfer.ts'

const credential = { getToken: async () => ({ token: 'token', expiresOnTimestamp: Date.now() + 3_600_000 }) }
const proxy = await startProxy({
  target: targetFor(JSON.parse(process.argv[2] ?? '')),
  tokenSource: new TokenSource(credential, { scope: 'bench' }),
})

let peak = 0
setInterval(() => {
  peak = Math.max(peak, process.memoryUsage.rss())
}, 50)
process.on('message', () => process.send?.({ rss: process.memoryUsage.rss(), peak }))
process.once('disconnect', () => process.exit())
process.send?.({ port: proxy.port, ca: proxy.ca, user: proxy.user, password: proxy.password })
