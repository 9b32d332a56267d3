export { TRAINING_MS } from './simulated-training.js'
export { startSimulation } from './simulation.js'
