export type { FaultHappened, RunEvent } from './run-event.js'
