import { once } from 'node:events'
import { createServer as createHttpServer, type IncomingMessage, type ServerResponse } from 'node:http'
import { createServer as createHttpsServer } from 'node:https'
import type { AddressInfo } from 'node:net'

/** A request as an endpoint sees it. */
export interface EndpointRequest {
  method: string
  path: string
  query: URLSearchParams
  headers: IncomingMessage['headers']
  /** The fields of a form body; empty if there is none. */
  form: URLSearchParams
}

/** An endpoint's answer; the body is sent as JSON, or unchanged if it is a string. */
export interface Answer {
  status: number
  headers?: Record<string, string>
  body?: unknown
}

/** The outcome of a request: an answer, a connection that is cut, or nothing at all. */
export type Outcome = Answer | 'disconnect' | 'hang'

/** A server on 127.0.0.1. */
export interface LocalServer {
  /** `http://127.0.0.1:port` or `https://127.0.0.1:port`. */
  readonly origin: string
  /** Cuts all connections, requests that hang included. */
  close(): Promise<void>
}

const HOST = '127.0.0.1'
const MAX_BODY = 64 * 1024

/**
 * Listens on 127.0.0.1.
 *
 * @param options.port - 0 for any that is free
 * @param options.tls - what makes it HTTPS
 * @param handle - called for each request; `closed` resolves when the request is over, however it ended
 */
export async function listen(
  options: { port: number; tls?: { key: string; cert: string } },
  handle: (request: EndpointRequest, closed: Promise<void>) => Promise<Outcome>,
): Promise<LocalServer> {
  const listener = (request: IncomingMessage, response: ServerResponse) => {
    const closed = new Promise<void>((resolve) => response.once('close', resolve))
    readRequest(request)
      .then((read) => handle(read, closed))
      .then((outcome) => respond(response, outcome))
      .catch((error: unknown) => respond(response, { status: 500, body: String(error) }))
  }
  const server = options.tls === undefined ? createHttpServer(listener) : createHttpsServer(options.tls, listener)
  server.listen(options.port, HOST)
  await once(server, 'listening')
  return {
    origin: `${options.tls === undefined ? 'http' : 'https'}://${HOST}:${(server.address() as AddressInfo).port}`,
    async close() {
      if (!server.listening) return
      const closed = once(server, 'close')
      server.close()
      server.closeAllConnections()
      await closed
    },
  }
}

async function readRequest(request: IncomingMessage): Promise<EndpointRequest> {
  const chunks: Buffer[] = []
  let size = 0
  for await (const chunk of request) {
    size += chunk.length
    if (size > MAX_BODY) throw new RangeError(`The request's body is longer than ${MAX_BODY} bytes.`)
    chunks.push(chunk)
  }
  const url = new URL(request.url ?? '/', 'http://localhost')
  return {
    method: request.method ?? 'GET',
    path: url.pathname,
    query: url.searchParams,
    headers: request.headers,
    form: new URLSearchParams(Buffer.concat(chunks).toString('utf8')),
  }
}

function respond(response: ServerResponse, outcome: Outcome): void {
  if (outcome === 'hang' || response.destroyed) return
  if (outcome === 'disconnect') {
    response.destroy()
    return
  }
  const { status, headers = {}, body } = outcome
  const text = typeof body === 'string' ? body : JSON.stringify(body ?? {})
  const type = typeof body === 'string' ? 'text/plain' : 'application/json; charset=utf-8'
  response.writeHead(status, { 'Content-Type': type, 'Cache-Control': 'no-store', ...headers }).end(text)
}
