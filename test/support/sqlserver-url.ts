/** What a `sqlserver://` string says that a loopback proxy made, as Prisma's engine would read it. */
export function readUrl(url: string): { host: string; port: number; value: (name: string) => string } {
  const { host = '', port } = /^sqlserver:\/\/(?<host>[^:;]+):(?<port>\d+)/.exec(url)?.groups ?? {}
  const parameters = new Map([...url.matchAll(/;(\w+)=(?:\{([^}]*)\}|([^;]*))/g)].map(([, key, a, b]) => [key, a ?? b]))
  return { host, port: Number(port), value: (name) => parameters.get(name) ?? '' }
}
