export { faultText } from './fault-text.js'
export { sortFaults } from './fault-timeline.js'
