import { testManagedIdentity } from './managed-identity.ts'

testManagedIdentity('imds')
