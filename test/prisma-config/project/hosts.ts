import dns from 'node:dns'

const { lookup } = dns

/** Stands in for DNS: this host is 127.0.0.1 in this process. */
export function resolveToLoopback(host: string): void {
  dns.lookup = ((name: string, ...rest: never[]) =>
    Reflect.apply(lookup, dns, [name === host ? '127.0.0.1' : name, ...rest])) as typeof lookup
}
