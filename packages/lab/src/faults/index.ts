export { sortFaults } from './fault-timeline.js'
