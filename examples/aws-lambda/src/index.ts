import { entraCredential } from './credential.ts'
import { createHandler } from './users.ts'

// Outside the handler: made once for each execution environment, in its init phase.
export const { handler } = createHandler(entraCredential())
