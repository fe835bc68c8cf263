// Loads a module by require() and by import(): both must give the same.
const assert = require('node:assert/strict')

const name = process.argv[2]
const required = require(name)
import(name).then((imported) => {
  assert.ok(Object.keys(imported).length > 0, `${name} exports nothing`)
  for (const key of Object.keys(imported)) assert.equal(required[key], imported[key], `${name}: ${key}`)
})
