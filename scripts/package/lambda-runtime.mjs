// Calls the handler of a bundle once, as Lambda's runtime does, and freezes it: nothing is awaited after the answer.
import http from 'node:http'
import https from 'node:https'
import { syncBuiltinESMExports } from 'node:module'
import { pathToFileURL } from 'node:url'

await answerInstanceDiscovery()
const { handler } = await import(pathToFileURL(process.argv[2]).href)
const { statusCode, body } = await handler({ version: '2.0', rawPath: '/users' }, { awsRequestId: '1' })
if (statusCode !== 200) throw new Error(`${statusCode}: ${body}`)
process.stdout.write(body, () => process.exit())

/** MSAL asks Microsoft's own host whether the authority is one of Entra ID. Here this machine says so in its place. */
async function answerInstanceDiscovery() {
  const { host } = new URL(process.env.AZURE_AUTHORITY_HOST)
  const metadata = [{ preferred_network: host, preferred_cache: host, aliases: [host] }]
  const server = http.createServer((_, response) => {
    response.setHeader('content-type', 'application/json')
    response.end(JSON.stringify({ tenant_discovery_endpoint: process.env.AZURE_AUTHORITY_HOST, metadata }))
  })
  await new Promise((resolve) => server.listen(0, '127.0.0.1', resolve))
  const { request } = https
  https.request = (options, ...rest) => {
    if (options.hostname !== 'login.microsoftonline.com') return request(options, ...rest)
    const { address: hostname, port } = server.address()
    return http.request({ ...options, protocol: 'http:', hostname, port, agent: undefined }, ...rest)
  }
  syncBuiltinESMExports()
}
