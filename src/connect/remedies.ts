/** What to do about a login that the server refused, by its error number. */
const REMEDIES: Readonly<Record<number, string>> = {
  4060: 'Check the name of the database, and that the identity has a user in it.',
  18456:
    'Check that the identity has a user in this database (CREATE USER [name] FROM EXTERNAL PROVIDER) and that the ' +
    'token is for this server.',
  40613: 'A paused or moving database is up again within minutes: try once more.',
  40615: 'Allow this address in the firewall of the server.',
}

/** A sentence that says what to do; undefined where the server's own words must do. */
export function remedyFor(number: number): string | undefined {
  return REMEDIES[number]
}
