import 'reflect-metadata'
import type { AddressInfo } from 'node:net'
import { NestFactory } from '@nestjs/core'
import { describe, expect, it } from 'vitest'
import { AppModule } from '../../examples/nestjs/src/app.module.ts'
import { PrismaService } from '../../examples/nestjs/src/prisma.service.ts'
import { ANN, BOB, useExampleDatabase } from './support.ts'

const db = useExampleDatabase()

describe('examples/nestjs', () => {
  it('connects before it listens, answers over HTTP, and leaves no session after it closes', async () => {
    const { sessionsOpen } = db.azure.gateway.stats()
    const app = await NestFactory.create(AppModule, { logger: ['error'], abortOnError: false })
    try {
      await app.listen(0, '127.0.0.1')
      expect(db.azure.gateway.stats().logins).toBeGreaterThan(0)
      const { port } = app.getHttpServer().address() as AddressInfo
      const get = async (query: string) => (await fetch(`http://127.0.0.1:${port}/users${query}`)).json()
      expect(await get('')).toEqual([ANN, BOB])
      expect(await get('?role=admin')).toEqual([ANN])
      expect(db.azure.gateway.stats().sessionsOpen).toBe(sessionsOpen + 1)
    } finally {
      await app.close()
    }
    await expect.poll(() => db.azure.gateway.stats().sessionsOpen).toBe(sessionsOpen)
  })

  it('keeps the database for running requests until they finish', async () => {
    const { sessionsOpen } = db.azure.gateway.stats()
    const app = await NestFactory.create(AppModule, { logger: ['error'], abortOnError: false })
    let arrived = () => {}
    let release = () => {}
    const isIn = new Promise<void>((resolve) => {
      arrived = resolve
    })
    const mayGo = new Promise<void>((resolve) => {
      release = resolve
    })
    const prisma = app.get(PrismaService)
    app.getHttpAdapter().get('/slow', async (_request: unknown, response: { json(body: unknown): void }) => {
      arrived()
      await mayGo
      response.json({ users: await prisma.user.count() })
    })
    await app.listen(0, '127.0.0.1')
    const { port } = app.getHttpServer().address() as AddressInfo
    const answer = fetch(`http://127.0.0.1:${port}/slow`, { headers: { connection: 'close' } })
    await isIn
    const closed = app.close()
    await expect.poll(() => app.getHttpServer().listening).toBe(false)
    release()
    expect(await (await answer).json()).toEqual({ users: 2 })
    await closed
    // After a premature $disconnect, Prisma Client would connect again and stay connected.
    await expect.poll(() => db.azure.gateway.stats().sessionsOpen).toBe(sessionsOpen)
  })

  it('does not start if the server refuses its login', async () => {
    const fault = db.azure.gateway.inject({ at: 'login', action: { refuse: { number: 40615 } } })
    const app = await NestFactory.create(AppModule, { logger: false, abortOnError: false })
    try {
      await expect(app.init()).rejects.toMatchObject({ code: 'P1001' })
      expect(fault.hits).toBe(1)
    } finally {
      fault.clear()
      await app.close()
    }
  })
})
