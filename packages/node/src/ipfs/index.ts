/**
 * Models by bitswap, for everybody who speaks IPFS: serving one, and taking one from any peer. Apart from the rest of
 * this package, since runs do not need it.
 *
 * @packageDocumentation
 */
import '../polyfill/promise-with-resolvers.js'

export { parseModelCid } from './ipfs-cid.js'
export { IPFS_LIMITS } from './ipfs-limits.js'
export { type ModelHost, type ModelHostEvents, type ModelHostInit, startModelHost } from './model-host.js'
export {
  type ModelOffer,
  type ModelSource,
  type ModelSourceInit,
  openModelSource,
  type RemoteModel,
} from './model-source.js'
