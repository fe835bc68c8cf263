import { Duplex } from 'node:stream'
import type { config as MssqlConfig } from 'mssql'
import { encodeMessage, PacketReader, PacketStatus, PacketType } from '../tds/packet.ts'
import { Encryption, encodePrelogin } from '../tds/prelogin.ts'
import { DoneStatus, encodeDone, encodeLoginAck } from '../tds/tokens.ts'

/** Some version of SQL Server. */
const VERSION = { major: 16, minor: 0, build: 1000 }

/**
 * The config for the first login of `mssql`, which it makes when it connects, and then throws away. It is answered in
 * memory: it has no token, and reaches no server.
 */
export function firstLoginConfig(beforeConnect: NonNullable<MssqlConfig['beforeConnect']>): MssqlConfig {
  return {
    server: 'localhost',
    user: 'nobody',
    password: 'none',
    options: { encrypt: false, connector: async () => new FirstLoginServer() as never },
    beforeConnect,
  }
}

/** Answers PRELOGIN, LOGIN7 and the first batch of a driver, and nothing else. */
class FirstLoginServer extends Duplex {
  readonly #packets = new PacketReader()

  override _read(): void {}

  override _write(chunk: Buffer, _encoding: BufferEncoding, done: (error?: Error | null) => void): void {
    for (const { type, status } of this.#packets.push(chunk)) {
      if (status & PacketStatus.END_OF_MESSAGE) this.#answer(type)
    }
    done()
  }

  override _final(done: () => void): void {
    this.push(null)
    done()
  }

  /** A driver sets these on its socket. */
  setKeepAlive(): this {
    return this
  }

  setNoDelay(): this {
    return this
  }

  #answer(type: number): void {
    const tokens = answerTo(type)
    if (tokens === undefined) this.destroy(new Error('Only a login is answered here.'))
    else this.push(encodeMessage(PacketType.TABULAR_RESULT, tokens))
  }
}

function answerTo(type: number): Buffer | undefined {
  const done = encodeDone(DoneStatus.FINAL)
  switch (type) {
    case PacketType.PRELOGIN:
      return encodePrelogin({ version: VERSION, encryption: Encryption.NOT_SUPPORTED })
    case PacketType.LOGIN7:
      return Buffer.concat([encodeLoginAck('Microsoft SQL Server', [VERSION.major, VERSION.minor, 3, 232]), done])
    case PacketType.SQL_BATCH:
      return done
    default:
      return undefined
  }
}
