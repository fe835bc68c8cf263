import { prisma } from '../../../lib/prisma.ts'

// It reads the request, so Next.js runs it for each one, with cacheComponents too. TDS needs sockets: not for the edge runtime.
export async function GET(request: Request): Promise<Response> {
  const role = new URL(request.url).searchParams.get('role')
  const found = await prisma().user.findMany({
    ...(role !== null && { where: { role } }),
    select: { email: true, name: true },
    orderBy: { email: 'asc' },
    take: 100,
  })
  return Response.json(found)
}
