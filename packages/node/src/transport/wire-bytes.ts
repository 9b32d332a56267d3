import type { Metrics, MultiaddrConnection } from '@libp2p/interface'

/** Bytes on the wire of one libp2p node since its start: every connection, encryption included. */
export interface WireBytes {
  received: number
  sent: number
}

/** A libp2p metrics component that counts only connection bytes. */
export function countWireBytes(counter: WireBytes): Metrics {
  const nothing = {
    update() {},
    increment() {},
    decrement() {},
    reset() {},
    observe() {},
    timer: () => () => {},
  }
  const register = () => nothing
  const metrics = {
    trackMultiaddrConnection(connection: MultiaddrConnection): void {
      connection.addEventListener('message', (event) => {
        counter.received += event.data.byteLength
      })
      const send = connection.send.bind(connection)
      connection.send = (data) => {
        counter.sent += data.byteLength
        return send(data)
      }
    },
    trackProtocolStream(): void {},
    registerMetric: register,
    registerMetricGroup: register,
    registerCounter: register,
    registerCounterGroup: register,
    registerHistogram: register,
    registerHistogramGroup: register,
    registerSummary: register,
    registerSummaryGroup: register,
    traceFunction: <F>(_name: string, fn: F): F => fn,
    createTrace: () => undefined,
  }
  return metrics as unknown as Metrics
}
