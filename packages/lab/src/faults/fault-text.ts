import { bytes } from '../text/format.js'
import type { FaultAction } from './fault-timeline.js'

/** What a fault does, for people; `name` names a node. */
export function faultText(action: FaultAction, name: (index: number) => string): string {
  switch (action.type) {
    case 'kill':
      return `${name(action.node)} is killed`
    case 'restart':
      return `${name(action.node)} starts again`
    case 'join':
      return `${name(action.node)} joins`
    case 'leave':
      return `${name(action.node)} leaves`
    case 'slow-trainer':
      return `${name(action.node)} takes ${action.factor} times as long to train`
    case 'partition':
      return `partition: ${groups(action.groups, name)}`
    case 'heal':
      return `the partition heals: ${groups(action.groups, name)}`
    case 'slow-link': {
      const [a, b] = action.between
      const speed = action.bytesPerSecond === undefined ? '' : `, ${bytes(action.bytesPerSecond)} per second`
      return `slow link ${name(a)} – ${name(b)}: ${action.latencyMs} ms${speed}`
    }
  }
}

function groups(parts: readonly (readonly number[])[], name: (index: number) => string): string {
  return parts.map((group) => group.map(name).join(', ')).join(' | ')
}
