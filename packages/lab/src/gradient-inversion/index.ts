export { imagesOf } from './image-deal.js'
export {
  INVERTIBLE,
  type Inversion,
  type InversionPicture,
  type InvertibleModel,
  invertRound,
  type View,
} from './inversion.js'
export { inversionSheet } from './picture.js'
export { type InversionSummary, summariseInversions } from './summary.js'
