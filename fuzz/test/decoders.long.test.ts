import { fuzzAll } from './fuzz-all.js'

fuzzAll(2_000)
