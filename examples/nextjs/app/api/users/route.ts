import { prisma } from '../../../lib/prisma.ts'

// TDS needs sockets: not for the edge runtime. And the answer is of now, not of the build.
export const runtime = 'nodejs'
export const dynamic = 'force-dynamic'

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
