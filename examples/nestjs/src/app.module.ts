import { Module } from '@nestjs/common'
import { PrismaModule } from './prisma.module.ts'
import { UsersController } from './users.controller.ts'

@Module({ imports: [PrismaModule], controllers: [UsersController] })
export class AppModule {}
