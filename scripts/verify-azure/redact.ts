/** Makes a text safe to publish. */
export type Redact = (text: string) => string

/** Names that identify nobody. */
const NOBODYS = new Set(['localhost', '127.0.0.1'])

/** Hosts in Microsoft's clouds; the first label names a customer or a machine. */
const CLOUD_HOST =
  /(?<![\w.-])[\w-]+(?=(?:\.[\w-]+)*\.(?:windows\.net|microsoft\.com|usgovcloudapi\.net|chinacloudapi\.cn)\b)/gi
const GUID = /\b([0-9a-f]{4})[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}\b/gi
const JSON_WEB_TOKEN = /\beyJ[\w-]{6,}(?:\.[\w-]*){0,4}/g
const SECRET = /\b((?:password|pwd|secret|client_secret|access_token)\s*[=:]\s*)(\{[^}]*\}|"[^"]*"|[^\s;,]+)/gi
const EMAIL = /\b[\w.+-]+@[\w-]+(?:\.[\w-]+)+/g
/** Does not match versions: they have a number above 999, or three numbers. */
const IPV4 = /\b(?!127\.)(?:\d{1,3}\.){3}\d{1,3}\b/g

/** Microsoft's own services. */
const SERVICES = /^(?:database|login|sts|management|ossrdbms-aad)$/i

/**
 * Removes secrets from texts, and shortens the names of servers, tenants and people.
 *
 * @param secrets - values to remove in any form
 * @param host - the server's name; messages may contain its first label alone
 */
export function redactor(secrets: readonly string[], host: string): Redact {
  const hidden = secrets.filter((secret) => secret.length > 0)
  const [label = ''] = host.split('.')
  const own = NOBODYS.has(host) || label.length < 3 ? undefined : new RegExp(`\\b${escaped(label)}\\b`, 'gi')
  return (text) => {
    let safe = text
    for (const secret of hidden) safe = safe.replaceAll(secret, '…')
    safe = safe
      .replace(JSON_WEB_TOKEN, '(a token)')
      .replace(SECRET, '$1…')
      .replace(GUID, '$1…')
      .replace(EMAIL, '(a person)')
      .replace(IPV4, '(an address)')
      .replace(CLOUD_HOST, (name) => (SERVICES.test(name) ? name : shortened(name)))
    return own === undefined ? safe : safe.replace(own, shortened(label))
  }
}

/** The passwords and secrets in a connection string of any kind. */
export function secretsOf(url: string): string[] {
  return [...url.matchAll(SECRET)].map(([, , value = '']) => value.replace(/^[{"]|[}"]$/g, ''))
}

function shortened(name: string): string {
  return `${name.slice(0, 3)}…`
}

function escaped(text: string): string {
  return text.replace(/[.*+?^${}()|[\]\\]/g, '\\$&')
}
