import type { TokenCredential } from '@azure/identity'
import type { APIGatewayProxyEventV2, APIGatewayProxyStructuredResultV2, Context } from 'aws-lambda'
import { PrismaMssqlEntra } from 'prisma-adapter-mssql-entra'
import { PrismaClient } from './generated/prisma/client.ts'

/** The function that Lambda calls. */
export type Handler = (event: APIGatewayProxyEventV2, context: Context) => Promise<APIGatewayProxyStructuredResultV2>

/** Creates the handler and the client that all its invocations share. Only tests create more than one. */
export function createHandler(credential: TokenCredential): { handler: Handler; prisma: PrismaClient } {
  const { DATABASE_URL } = process.env
  if (DATABASE_URL === undefined) throw new Error('DATABASE_URL is not set.')
  const adapter = new PrismaMssqlEntra(DATABASE_URL, {
    credential,
    eager: true,
  })
  const prisma = new PrismaClient({ adapter, transactionOptions: { maxWait: 20_000 } })
  const handler: Handler = async (event, context) => {
    const role = event.queryStringParameters?.role
    const found = await prisma.user.findMany({
      ...(role !== undefined && { where: { role } }),
      select: { email: true, name: true },
      orderBy: { email: 'asc' },
      take: 100,
    })
    console.log(JSON.stringify({ requestId: context.awsRequestId, users: found.length }))
    return { statusCode: 200, headers: { 'content-type': 'application/json' }, body: JSON.stringify(found) }
  }
  return { handler, prisma }
}
