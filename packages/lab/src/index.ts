export { cacheFolder } from './cache-folder.js'
export { LabError, type LabErrorCode } from './errors.js'
export { temperedVersion, versions } from './versions.js'
