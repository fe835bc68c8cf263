import type { SqlDriverAdapter, Transaction } from '@prisma/driver-adapter-utils'

/** Runs an operation and measures it. @param name - of the operation, where it is known without parsing SQL */
export type Measure = <T>(operation: () => Promise<T>, name?: string) => Promise<T>

/** An adapter whose operations are measured, as Prisma Client sees them: with waits, and with what is run again. */
export function measuredAdapter(adapter: SqlDriverAdapter, measure: Measure): SqlDriverAdapter {
  const { provider, adapterName } = adapter
  return {
    provider,
    adapterName,
    queryRaw: (query) => measure(() => adapter.queryRaw(query)),
    executeRaw: (query) => measure(() => adapter.executeRaw(query)),
    executeScript: (script) => measure(() => adapter.executeScript(script)),
    startTransaction: async (isolationLevel) => {
      const transaction = await measure(() => adapter.startTransaction(isolationLevel), 'BEGIN TRANSACTION')
      return measuredTransaction(transaction, measure)
    },
    ...(adapter.getConnectionInfo && { getConnectionInfo: adapter.getConnectionInfo.bind(adapter) }),
    dispose: () => adapter.dispose(),
  }
}

function measuredTransaction(transaction: Transaction, measure: Measure): Transaction {
  const { provider, adapterName, options } = transaction
  return {
    provider,
    adapterName,
    options,
    queryRaw: (query) => measure(() => transaction.queryRaw(query)),
    executeRaw: (query) => measure(() => transaction.executeRaw(query)),
    commit: () => measure(() => transaction.commit(), 'COMMIT TRANSACTION'),
    rollback: () => measure(() => transaction.rollback(), 'ROLLBACK TRANSACTION'),
    createSavepoint: (name) => measure(async () => transaction.createSavepoint?.(name), 'SAVE TRANSACTION'),
    rollbackToSavepoint: (name) => measure(async () => transaction.rollbackToSavepoint?.(name), 'ROLLBACK TRANSACTION'),
  }
}
