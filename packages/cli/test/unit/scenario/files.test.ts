import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { parseText } from '@tempered/lab/documents'
import {
  checkScenario,
  scenarioJsonSchema,
  scenarioSchema,
  scenarioTemplate,
  TEMPLATE_NAMES,
} from '@tempered/lab/scenario'
import { describe, expect, it } from 'vitest'
import { firstSentence } from '../../../src/commands/scenario-list.js'

const root = fileURLToPath(new URL('../../../../../', import.meta.url))

describe('the JSON Schema of scenarios', () => {
  it('is the published one; `tempered scenario schema > schemas/scenario.schema.json` renews it', () => {
    expect(readFileSync(join(root, 'schemas', 'scenario.schema.json'), 'utf8')).toBe(scenarioJsonSchema())
  })

  it('knows every key, describes them and refuses others', () => {
    const schema = JSON.parse(scenarioJsonSchema())
    expect(Object.keys(schema.properties)).toEqual(
      expect.arrayContaining([
        'name',
        'seeds',
        'rules',
        'adversaries',
        'faults',
        'stop',
        'assertions',
        'controls',
      ]),
    )
    expect(schema.additionalProperties).toBe(false)
    expect(schema.properties.faults.items.properties.kill.description).toContain('SIGKILL')
  })
})

describe('templates', () => {
  it.each(TEMPLATE_NAMES)('%s makes sense and names its schema', (template) => {
    const text = scenarioTemplate(template, 'my-name', './x.schema.json')
    expect(text.startsWith('# yaml-language-server: $schema=./x.schema.json\n')).toBe(true)
    expect(parseText('t.yaml', text, scenarioSchema, { check: checkScenario }).name).toBe('my-name')
    expect(firstSentence(text).length).toBeGreaterThan(20)
  })
})

describe('the first sentence of a comment', () => {
  it.each([
    ['# yaml-language-server: $schema=x\n# One two\n# three. Four.\nname: x\n', 'One two three.'],
    ['\n# No end\nname: x\n# Later.\n', 'No end'],
    ['#\n# Twelve nodes, h = 0.8; one dies. It comes\n# back.\n', 'Twelve nodes, h = 0.8; one dies.'],
    ['name: x\n# Too late.\n', ''],
    ['', ''],
  ])('of %j is %j', (text, sentence) => {
    expect(firstSentence(text)).toBe(sentence)
  })
})

describe('the scenarios of the repository', () => {
  const files = readdirSync(join(root, 'scenarios')).filter((name) => name.endsWith('.yaml'))
  it.each(files)('%s makes sense, names its schema and says what it is', (file) => {
    const text = readFileSync(join(root, 'scenarios', file), 'utf8')
    expect(text.split('\n')[0]).toBe('# yaml-language-server: $schema=../schemas/scenario.schema.json')
    parseText(file, text, scenarioSchema, { check: checkScenario })
    expect(firstSentence(text).length).toBeGreaterThan(20)
  })
})
