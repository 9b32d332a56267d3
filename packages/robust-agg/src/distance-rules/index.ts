/**
 * Rules that weigh models by the distances between them alone.
 *
 * @packageDocumentation
 */
export { type DistanceVerdict, type DistanceView, MOST_WEIGHT } from './definition.js'
export { createDistanceRule, type DistanceRule, listDistanceRules } from './registry.js'
