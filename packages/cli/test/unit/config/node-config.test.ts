import { parseText } from '@tempered/lab/documents'
import { describe, expect, it } from 'vitest'
import { z } from 'zod'
import { checkNodeConfig, nodeConfigSchema } from '../../../src/config/node-config.js'
import { nodeTemplate } from '../../../src/config/node-template.js'

describe('the node template', () => {
  it('is a valid configuration with the schema line for editors', () => {
    const text = nodeTemplate({
      name: 'a: tricky #name',
      listen: ['/ip4/0.0.0.0/tcp/4001'],
      bootstrap: [],
      mdns: false,
      manifest: { file: '../manifest.json' },
      part: 1,
      parts: 3,
    })
    expect(text.startsWith('# yaml-language-server: $schema=./node.schema.json\n')).toBe(true)
    const config = parseText('node.yaml', text, nodeConfigSchema)
    expect(config.name).toBe('a: tricky #name')
    expect(config.data).toEqual({
      source: 'mnist',
      split: { kind: 'label-groups', h: 0.8 },
      part: 1,
      parts: 3,
      seed: 1,
    })
  })

  it('gives a JSON Schema that knows every key of the template', () => {
    const schema = z.toJSONSchema(nodeConfigSchema, { io: 'input' }) as {
      properties: Record<string, unknown>
    }
    expect(Object.keys(schema.properties)).toEqual(
      expect.arrayContaining(['name', 'key', 'state', 'listen', 'bootstrap', 'manifest', 'data', 'backend']),
    )
  })

  it('has addresses that exist', () => {
    const problem = (listen: string): string | undefined => {
      const { error } = nodeConfigSchema.safeParse({ listen: [listen] })
      return error?.issues.find(({ path }) => path[0] === 'listen')?.message
    }
    for (const address of ['/ip4/300.1.1.1/tcp/4', '/ip6/1.2.3.4/tcp/4', '/ip4/::1/tcp/4'])
      expect(problem(address), address).toMatch(/must have an IPv[46] address, which \S+ is not/)
    for (const address of ['/ip4/0.0.0.0/tcp/0', '/ip6/::1/tcp/4', '/dns4/a.example/tcp/4'])
      expect(problem(address), address).toBeUndefined()
  })

  it('has addresses with a port that exists', () => {
    const parse = (port: number) =>
      parseText(
        'node.yaml',
        `name: a\nlisten: [/ip4/10.0.0.1/tcp/${port}]\nmanifest: { file: m.json }\n`,
        nodeConfigSchema,
      ).listen
    for (const port of [0, 4001, 9999, 10_000, 65_535])
      expect(parse(port)).toEqual([`/ip4/10.0.0.1/tcp/${port}`])
    for (const port of [65_536, 65_540, 66_000, 70_000, 100_000])
      expect(() => parse(port)).toThrow('node.yaml:2:10: listen.0: must have a port of at most 65535')
    // A node that takes jobs from a chain has none.
    expect(parseText('node.yaml', 'name: a\n', nodeConfigSchema).manifest).toBeUndefined()
  })

  it('splits only with a part of several, and has parts only of a split', () => {
    const parse = (data: string) =>
      parseText('node.yaml', `name: a\nmanifest: { file: m.json }\ndata: ${data}\n`, nodeConfigSchema, {
        check: checkNodeConfig,
      })
    expect(() => parse('{ split: { kind: iid } }')).toThrow(/data\.split: needs `part` and `parts`/)
    expect(() => parse('{ split: { kind: iid }, part: 1 }')).toThrow(/needs `parts`/)
    expect(() => parse('{ split: { kind: iid }, part: 4, parts: 4 }')).toThrow(
      /data\.part: must be below parts, 4/,
    )
    expect(() => parse('{ part: 1, parts: 4 }')).toThrow(/means nothing without `split`/)
    expect(parse('{ split: { kind: iid }, part: 3, parts: 4 }').data.part).toBe(3)
    expect(parse('{ source: mnist }').data.parts).toBe(1)
  })

  it('takes an amount of memory for samples', () => {
    const parse = (data: string) =>
      parseText('node.yaml', `name: a\nmanifest: { file: m.json }\ndata: ${data}\n`, nodeConfigSchema)
    expect(parse('{ memory: 512MB }').data.memory).toBe('512MB')
    expect(() => parse('{ memory: much }')).toThrow(
      /^node\.yaml:3:17: data\.memory: is "much"; write a number and a unit, for example 512MB/,
    )
    expect(() => parse('{ memory: 512 }')).toThrow(
      /data\.memory: is "512"; write a number and a unit, .*512MB/,
    )
  })

  it('must name itself', () => {
    expect(() => parseText('node.yaml', '# later', nodeConfigSchema)).toThrow(
      'node.yaml: is empty; it needs at least name',
    )
  })
})
