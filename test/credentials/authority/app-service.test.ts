import { testManagedIdentity } from './managed-identity.ts'

testManagedIdentity('app-service')
