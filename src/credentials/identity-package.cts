// CommonJS, so that this is the copy that tedious loads: an import would load all of the package a second time (100 ms).
exports.identity = require('@azure/identity')
