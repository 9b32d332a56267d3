import { createServer, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import { describe, expect, it } from 'vitest'
import { traceIdOf } from '../../../src/operate/round-traces.js'
import { initNodes, listening, setBootstrap } from '../../support/node-pair.js'
import { type CliProcess, inTemporaryFolder, parseJson, startCli } from '../../support/run-cli.js'

/** As OTLP writes spans in JSON. */
interface OtlpSpan {
  readonly traceId: string
  readonly spanId: string
  readonly parentSpanId?: string
  readonly name: string
  readonly startTimeUnixNano: string
  readonly endTimeUnixNano: string
  readonly attributes: readonly { readonly key: string; readonly value: Record<string, unknown> }[]
}

interface OtlpRequest {
  readonly resourceSpans: readonly {
    readonly resource: { readonly attributes: OtlpSpan['attributes'] }
    readonly scopeSpans: readonly { readonly spans: readonly OtlpSpan[] }[]
  }[]
}

/** A collector that keeps what it is sent. */
async function openCollector(): Promise<{ url: string; requests: OtlpRequest[]; server: Server }> {
  const requests: OtlpRequest[] = []
  const server = createServer(async (request, response) => {
    const parts: Buffer[] = []
    for await (const part of request) parts.push(part as Buffer)
    expect([request.method, request.url]).toEqual(['POST', '/v1/traces'])
    expect(request.headers['content-type']).toBe('application/json')
    requests.push(JSON.parse(Buffer.concat(parts).toString()) as OtlpRequest)
    response.setHeader('content-type', 'application/json').end('{}')
  })
  await new Promise<void>((done) => server.listen(0, '127.0.0.1', done))
  return { url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`, requests, server }
}

const start = (folder: string, node: string, ...more: string[]): CliProcess =>
  startCli(['node', 'start', '--config', node, '--json', ...more], folder)

const textOf = (attributes: OtlpSpan['attributes'], name: string): unknown =>
  Object.values(attributes.find(({ key }) => key === name)?.value ?? {})[0]

describe('two nodes whose rounds are traced', () => {
  it('send the spans of a round under one trace, though nothing about traces travels between them', () =>
    inTemporaryFolder(async (folder) => {
      const { url, requests, server } = await openCollector()
      await initNodes(folder, ['alice', 'bob'], 3)
      const alice = start(folder, 'alice', '--traces', url)
      await setBootstrap(folder, 'bob', await listening(alice))
      const bob = start(folder, 'bob', '--traces', url)
      expect(await Promise.all([alice.exit, bob.exit])).toEqual([0, 0])
      server.close()

      const spans = requests.flatMap(({ resourceSpans }) =>
        resourceSpans.flatMap(({ resource, scopeSpans }) =>
          scopeSpans.flatMap((scope) =>
            scope.spans.map((span) => ({
              ...span,
              node: textOf(resource.attributes, 'service.instance.id'),
            })),
          ),
        ),
      )
      const roots = spans.filter(({ parentSpanId }) => parentSpanId === undefined)
      expect(roots.map(({ name, node }) => `${node} ${name}`).sort()).toEqual(
        ['alice', 'bob'].flatMap((node) => [1, 2, 3].map((round) => `${node} round ${round}`)),
      )
      const run = String(textOf(roots[0]!.attributes, 'tempered.run'))
      for (const { name, traceId } of roots)
        expect(traceId, name).toBe(traceIdOf(run, Number(name.slice('round '.length)) - 1))
      for (const root of roots) {
        const inside = spans.filter(({ parentSpanId }) => parentSpanId === root.spanId)
        for (const { traceId } of inside) expect(traceId).toBe(root.traceId)
        const names = new Set(inside.map(({ name }) => name))
        for (const name of ['train', 'publish', 'collect', 'aggregate', 'evaluate', 'ledger', 'fetch'])
          expect(names.has(name), `${root.name}: ${name}`).toBe(true)
        const lasts = inside.filter(({ name }) => name === 'ledger')
        expect(lasts.every((span) => BigInt(span.endTimeUnixNano) <= BigInt(root.endTimeUnixNano))).toBe(true)
        expect(textOf(root.attributes, 'tempered.accepted')).toBe(1)
      }
    }))

  it('go on where there is no collector, and say so', () =>
    inTemporaryFolder(async (folder) => {
      const { url, server } = await openCollector()
      await new Promise((done) => server.close(done))
      await initNodes(folder, ['alice', 'bob'], 3)
      const alice = start(folder, 'alice', '--traces', url)
      await setBootstrap(folder, 'bob', await listening(alice))
      const bob = start(folder, 'bob')
      expect(await Promise.all([alice.exit, bob.exit])).toEqual([0, 0])
      const said = alice.stderr.map(parseJson)
      expect(said.find((line) => line?.code === 'E_TRACES')?.msg).toContain(`${url} did not take the spans`)
    }))

  it('need an address of a collector', () =>
    inTemporaryFolder(async (folder) => {
      await initNodes(folder, ['alice'], 3)
      const node = start(folder, 'alice', '--traces', 'localhost:4318')
      expect(await node.exit).toBe(2)
    }))
})
