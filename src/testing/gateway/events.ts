/** What becomes of a login at a gateway. */
export type GatewayEvent =
  /** The server behind it took it. `objectId`: of the token's principal. */
  | { type: 'gateway.login'; objectId: string | undefined; database: string | undefined }
  /** `number`, `message`: what the client is told. `byUpstream`: the server behind said so, or could not be reached. */
  | { type: 'gateway.login-refused'; number: number; message: string; byUpstream: boolean }
