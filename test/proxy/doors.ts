import { afterAll, afterEach, beforeAll, expect } from 'vitest'
import { type EntraServer, type EntraServerOptions, startEntraServer } from './entra-server.ts'
import { type Door, type DoorOptions, loginFor, openDoor, TdsClient } from './support.ts'

/** A server for a test file, and doors and clients that are closed after each test. */
export interface Doors {
  readonly server: EntraServer
  /** @param to - the server behind it; the file's own unless given */
  open(options?: DoorOptions, to?: EntraServer): Promise<Door>
  /** One more server. */
  another(options: EntraServerOptions): Promise<EntraServer>
  client(door: Door, overrides?: Parameters<typeof TdsClient.connect>[1]): Promise<TdsClient>
  loggedIn(door: Door, overrides?: Parameters<typeof loginFor>[1]): Promise<TdsClient>
  /** Leaves closing to {@link Doors}. */
  keep(door: Door): Door
}

export function useDoors(): Doors {
  const open: Door[] = []
  const clients: TdsClient[] = []
  const servers: EntraServer[] = []
  let own: EntraServer | undefined

  const doors: Doors = {
    get server() {
      if (own === undefined)
        throw new Error('Only to be used inside a test: the server is started before the first one.')
      return own
    },
    async open(options = {}, to = doors.server) {
      return doors.keep(await openDoor(to, options))
    },
    async another(options) {
      const started = await startEntraServer(options)
      servers.push(started)
      return started
    },
    async client({ proxy }, overrides = {}) {
      const made = await TdsClient.connect(proxy, overrides)
      clients.push(made)
      return made
    },
    async loggedIn(door, overrides = {}) {
      const made = await doors.client(door)
      expect(await made.logIn(loginFor(door.proxy, overrides))).toMatchObject({ kind: 'accepted' })
      return made
    },
    keep(door) {
      open.push(door)
      return door
    },
  }

  beforeAll(async () => {
    own = await startEntraServer()
  })
  afterEach(async () => {
    for (const client of clients.splice(0)) client.close()
    await Promise.all(open.splice(0).map(({ proxy }) => proxy.close()))
    await Promise.all(servers.splice(0).map((each) => each.close()))
    doors.server.forget()
  })
  afterAll(() => own?.close())

  return doors
}
