export { callText } from './call-text.js'
export { bytes, decimal, percent, seconds } from './format.js'
export { ranges } from './ranges.js'
export { ruleText } from './rule-text.js'
