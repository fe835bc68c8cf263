/** This package's, as `package.json` has it: a bundle of the command has no such file. */
export const VERSION = '0.1.0'
