export type { RunEvent } from './run-event.js'
