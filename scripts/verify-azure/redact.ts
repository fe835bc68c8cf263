/** Makes a text fit to be shown to strangers. */
export type Redact = (text: string) => string

/** Names that say nothing of anybody. */
const NOBODYS = new Set(['localhost', '127.0.0.1'])

/** Hosts of Microsoft's clouds, whose first label is a customer's, or a machine's. */
const CLOUD_HOST =
  /(?<![\w.-])[\w-]+(?=(?:\.[\w-]+)*\.(?:windows\.net|microsoft\.com|usgovcloudapi\.net|chinacloudapi\.cn)\b)/gi
const GUID = /\b([0-9a-f]{4})[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}\b/gi
const JSON_WEB_TOKEN = /\beyJ[\w-]{6,}(?:\.[\w-]*){0,4}/g
const SECRET = /\b((?:password|pwd|secret|client_secret|access_token)\s*[=:]\s*)(\{[^}]*\}|"[^"]*"|[^\s;,]+)/gi
const EMAIL = /\b[\w.+-]+@[\w-]+(?:\.[\w-]+)+/g
/** Of versions, the third number is above 999 or there are three: they stay. */
const IPV4 = /\b(?!127\.)(?:\d{1,3}\.){3}\d{1,3}\b/g

/** The services that sign everybody in, which belong to nobody. */
const SERVICES = /^(?:database|login|sts|management|ossrdbms-aad)$/i

/**
 * What takes secrets out of texts, and shortens the names of servers, tenants and people.
 *
 * @param secrets - values that must not stand anywhere, in whatever form
 * @param host - the server's own name, whose first label a message may hold alone
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

/** The passwords and secrets in a connection string, which may be of any kind. */
export function secretsOf(url: string): string[] {
  return [...url.matchAll(SECRET)].map(([, , value = '']) => value.replace(/^[{"]|[}"]$/g, ''))
}

function shortened(name: string): string {
  return `${name.slice(0, 3)}…`
}

function escaped(text: string): string {
  return text.replace(/[.*+?^${}()|[\]\\]/g, '\\$&')
}
