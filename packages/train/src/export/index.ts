/** Trained models as files that other programs read. */
export {
  EXPORT_FORMATS,
  type ExportedFile,
  type ExportFormat,
  exportedTensors,
  exportModel,
} from './export-model.js'
export { type ModelCard, modelCardText } from './model-card.js'
