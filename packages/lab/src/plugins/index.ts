export { fullName, loadModule } from './load-module.js'
export { prepareModules } from './resolve-modules.js'
