import { EDGES, mutateBytes } from './mutate-bytes.js'
import type { Mutator } from './mutator.js'

/** Frames as on our streams: a length of 4 bytes, little-endian, and so many bytes. */
export function joinFrames(frames: readonly Uint8Array[]): Uint8Array {
  return Buffer.concat(
    frames.flatMap((frame) => {
      const head = Buffer.alloc(4)
      head.writeUInt32LE(frame.byteLength)
      return [head, frame]
    }),
  )
}

/** The frames in some bytes; what does not fill one at the end is one of its own. */
export function splitFrames(bytes: Uint8Array): Uint8Array[] {
  const frames: Uint8Array[] = []
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength)
  let at = 0
  while (at + 4 <= bytes.byteLength) {
    const end = at + 4 + view.getUint32(at, true)
    if (end > bytes.byteLength) break
    frames.push(bytes.slice(at + 4, end))
    at = end
  }
  if (at < bytes.byteLength) frames.push(bytes.slice(at))
  return frames
}

/** Changes of one frame by `inner`; frames lost, repeated, in another order or of another input; wrong lengths. */
export function mutateFrames(inner: Mutator): Mutator {
  return (input, random, other) => {
    const frames = splitFrames(input)
    if (frames.length === 0) return mutateBytes(input, random, other)
    const at = random.below(frames.length)
    const donor = (): Uint8Array => random.pick([new Uint8Array(), ...splitFrames(other())])
    switch (random.below(10)) {
      case 0:
        frames.splice(at, 1)
        break
      case 1:
        frames.splice(at, 0, frames[at]!)
        break
      case 2:
        frames.splice(at, 0, donor())
        break
      case 3:
        frames.push(frames.splice(at, 1)[0]!)
        break
      case 4: {
        const bytes = Buffer.from(joinFrames(frames))
        const start = frames.slice(0, at).reduce((sum, frame) => sum + 4 + frame.byteLength, 0)
        const length = random.chance(0.5)
          ? BigInt(frames[at]!.byteLength + random.between(-2, 2))
          : random.pick(EDGES)
        bytes.writeUInt32LE(Number(BigInt.asUintN(32, length)), start)
        return bytes
      }
      default:
        frames[at] = inner(frames[at]!, random, donor)
    }
    return joinFrames(frames)
  }
}
