import { setFlagsFromString } from 'node:v8'
import { runInNewContext } from 'node:vm'

setFlagsFromString('--expose-gc')
const collect = runInNewContext('gc') as () => void

/** Bytes that this process still holds after `work`, beyond those before it. */
export function heldBy(work: () => void): number {
  const held = (): number => {
    for (let k = 0; k < 3; k++) collect()
    const { heapUsed, arrayBuffers } = process.memoryUsage()
    return heapUsed + arrayBuffers
  }
  const before = held()
  work()
  return held() - before
}
