/** The outcome of a login at a gateway. */
export type GatewayEvent =
  /** The server behind the gateway accepted it. `objectId`: of the token's principal. */
  | { type: 'gateway.login'; objectId: string | undefined; database: string | undefined }
  /** `number`, `message`: the client's error. `byUpstream`: it comes from the server behind, or that cannot be reached. */
  | { type: 'gateway.login-refused'; number: number; message: string; byUpstream: boolean }
