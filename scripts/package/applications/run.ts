import { query } from './query'

void query(process.argv[2] ?? '').then((told) => console.log(JSON.stringify(told)))
