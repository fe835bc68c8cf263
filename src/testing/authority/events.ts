import type { TokenEndpoint } from './statistics.ts'

/** What becomes of a request for a token. */
export type AuthorityEvent =
  /** `principal`: its name. `expiresOn`: in ms since the epoch. */
  | { type: 'authority.token'; principal: string; expiresOn: number }
  /** An answer with this HTTP status instead. */
  | { type: 'authority.refused'; endpoint: TokenEndpoint; status: number }
