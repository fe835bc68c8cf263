import { entraCredential } from './credential.ts'
import { createHandler } from './users.ts'

// Outside the handler, so it is created once per execution environment, in the init phase.
export const { handler } = createHandler(entraCredential())
