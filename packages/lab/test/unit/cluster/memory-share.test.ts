import { describe, expect, it } from 'vitest'
import { residentShare, shareMemory } from '../../../src/events/memory-share.js'

describe('residentShare', () => {
  it('divides the memory of the process by all nodes that it plays', () => {
    const alone = residentShare()
    expect(alone).toBeGreaterThan(1e6)
    const releases = [shareMemory(400), shareMemory(600)]
    expect(residentShare()).toBeLessThan(alone / 100)
    for (const release of releases) release()
    expect(residentShare()).toBeGreaterThan(alone / 100)
  })
})
