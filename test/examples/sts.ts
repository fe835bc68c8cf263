import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { text } from 'node:stream/consumers'

/** A fake AWS STS that supports `GetWebIdentityToken`. */
export interface SecurityTokenService {
  url: string
  /** The parameters of each request, in order. */
  requests: URLSearchParams[]
  close(): Promise<void>
}

/** Starts it on a free port. @param sign - creates the token */
export async function startSts(sign: () => Promise<string>): Promise<SecurityTokenService> {
  const requests: URLSearchParams[] = []
  const server = createServer(async (request, response) => {
    const form = new URLSearchParams(await text(request))
    requests.push(form)
    const token = await sign()
    response.writeHead(200, { 'content-type': 'text/xml' }).end(
      `<GetWebIdentityTokenResponse xmlns="https://sts.amazonaws.com/doc/2011-06-15/"><GetWebIdentityTokenResult>
<WebIdentityToken>${token}</WebIdentityToken><Expiration>${new Date(Date.now() + 300_000).toISOString()}</Expiration>
</GetWebIdentityTokenResult><ResponseMetadata><RequestId>1</RequestId></ResponseMetadata></GetWebIdentityTokenResponse>`,
    )
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    requests,
    async close() {
      server.closeAllConnections()
      await new Promise((resolve) => server.close(resolve))
    },
  }
}
