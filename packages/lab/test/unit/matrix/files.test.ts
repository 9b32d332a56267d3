import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { describe, expect, it } from 'vitest'
import { consensusSchema } from '../../../src/averaging/averaging-schema.js'
import { consensusJsonSchema } from '../../../src/averaging/json-schema.js'
import { labJsonSchema } from '../../../src/matrix/json-schema.js'

const root = fileURLToPath(new URL('../../../../../', import.meta.url))

describe('the JSON Schema of labs', () => {
  it('is the published one; `tempered lab schema > schemas/lab.schema.json` renews it', () => {
    expect(readFileSync(join(root, 'schemas', 'lab.schema.json'), 'utf8')).toBe(labJsonSchema())
  })

  it('knows every key and refuses others', () => {
    const schema = JSON.parse(labJsonSchema())
    expect(Object.keys(schema.properties)).toEqual([
      'name',
      'scenario',
      'measures',
      'modules',
      'placement',
      'axes',
      'controls',
    ])
    expect(schema.additionalProperties).toBe(false)
    expect(schema.properties.axes.additionalProperties).toBe(false)
    expect(JSON.stringify(schema)).not.toContain('bareName')
  })

  it('allows a bare name where the reader of labs does', () => {
    const { rules, attacks, topologies, splits } = JSON.parse(labJsonSchema()).properties.axes.properties
    for (const { items } of [rules, attacks, topologies]) {
      expect(items.anyOf.map(({ type }: { type: string }) => type)).toEqual(['string', 'object', 'object'])
      expect(items.anyOf[1].properties.name.type).toBe('string')
      expect(items.anyOf[2].properties).toHaveProperty('module')
      expect(items.anyOf[2].properties).not.toHaveProperty('name')
      expect(items.anyOf[2].required).toContain('module')
    }
    expect(splits.items.oneOf ?? splits.items.anyOf).not.toContainEqual({ type: 'string', minLength: 1 })
  })
})

describe('the labs of the repository', () => {
  const files = readdirSync(join(root, 'scenarios', 'labs'))
  it.each(files)('%s names its schema in its first line', (file) => {
    const text = readFileSync(join(root, 'scenarios', 'labs', file), 'utf8')
    expect(text.split('\n')[0]).toBe('# yaml-language-server: $schema=../../schemas/lab.schema.json')
  })
})

describe('the JSON Schema of averaging tasks', () => {
  it('is the published one; `tempered lab schema --consensus > schemas/consensus.schema.json` renews it', () => {
    expect(readFileSync(join(root, 'schemas', 'consensus.schema.json'), 'utf8')).toBe(consensusJsonSchema())
  })

  it('knows every key and refuses others', () => {
    const schema = JSON.parse(consensusJsonSchema())
    expect(Object.keys(schema.properties)).toEqual(Object.keys(consensusSchema.shape))
    expect(schema.additionalProperties).toBe(false)
  })

  it.each(readdirSync(join(root, 'scenarios', 'consensus')))('%s names it in its first line', (file) => {
    const text = readFileSync(join(root, 'scenarios', 'consensus', file), 'utf8')
    expect(text.split('\n')[0]).toBe('# yaml-language-server: $schema=../../schemas/consensus.schema.json')
  })
})
