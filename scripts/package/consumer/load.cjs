// Loads a module by require() and by import(): two copies, whose errors are one class to both.
const assert = require('node:assert/strict')

const name = process.argv[2]
const required = require(name)
import(name).then((imported) => {
  assert.ok(Object.keys(imported).length > 0, `${name} exports nothing`)
  assert.deepEqual(Object.keys(required).sort(), Object.keys(imported).sort())
  const { EntraError } = required
  if (EntraError === undefined) return
  assert.notEqual(EntraError, imported.EntraError, 'require() gives the ES module')
  assert.ok(new EntraError('CLOSED', '') instanceof imported.EntraError)
  assert.ok(new imported.EntraError('CLOSED', '') instanceof EntraError)
  assert.ok(!(new Error('') instanceof EntraError))
})
