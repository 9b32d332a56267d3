export { fullName, loadModule, type PluginKind } from './load-module.js'
export { pluginTemplate } from './templates.js'
