import { app, type HttpRequest, type HttpResponseInit, type InvocationContext } from '@azure/functions'
import { prisma } from '../prisma.ts'

async function users(request: HttpRequest, context: InvocationContext): Promise<HttpResponseInit> {
  const role = request.query.get('role')
  const found = await prisma.user.findMany({
    ...(role !== null && { where: { role } }),
    select: { email: true, name: true },
    orderBy: { email: 'asc' },
    take: 100,
  })
  context.log(`${found.length} users`)
  return { jsonBody: found }
}

app.http('users', { methods: ['GET'], authLevel: 'function', handler: users })
