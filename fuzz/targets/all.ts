import type { TargetEntry } from '../engine/target.js'
import { CHAIN } from './chain.js'
import { DOCUMENTS } from './documents.js'
import { EPOCHS } from './epochs.js'
import { FILES } from './files.js'
import { IPFS } from './ipfs.js'
import { SECAGG } from './secagg.js'
import { TEXTS } from './texts.js'
import { TRAINING } from './training.js'
import { WIRE } from './wire.js'

/** Every decoder of bytes that come from outside. */
export const TARGETS: readonly TargetEntry[] = [
  ...DOCUMENTS,
  ...CHAIN,
  ...WIRE,
  ...SECAGG,
  ...IPFS,
  ...FILES,
  ...EPOCHS,
  ...TRAINING,
  ...TEXTS,
]
