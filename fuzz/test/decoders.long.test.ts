import { fuzzAll } from './fuzz-all.js'

fuzzAll(10_000)
