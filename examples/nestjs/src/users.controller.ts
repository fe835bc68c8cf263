import { Controller, Get, Inject, Query } from '@nestjs/common'
import { PrismaService } from './prisma.service.ts'

@Controller('users')
export class UsersController {
  readonly #prisma: PrismaService

  // Explicit, because esbuild and Node's own TypeScript do not support emitDecoratorMetadata.
  constructor(@Inject(PrismaService) prisma: PrismaService) {
    this.#prisma = prisma
  }

  @Get()
  find(@Query('role') role?: string): Promise<{ email: string; name: string | null }[]> {
    return this.#prisma.user.findMany({
      ...(role !== undefined && { where: { role } }),
      select: { email: true, name: true },
      orderBy: { email: 'asc' },
      take: 100,
    })
  }
}
