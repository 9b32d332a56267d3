import { fuzzAll } from './fuzz-all.js'

fuzzAll(500)
