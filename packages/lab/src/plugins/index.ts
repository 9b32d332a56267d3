export { fullName, loadModule, type PluginKind } from './load-module.js'
export { prepareModules } from './resolve-modules.js'
export { pluginTemplate } from './templates.js'
