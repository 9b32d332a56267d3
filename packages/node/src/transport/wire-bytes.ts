import type { ComponentLogger, Metrics, MultiaddrConnection } from '@libp2p/interface'
import { isRelayed } from '../reach/addresses.js'

/** Bytes on the wire of one libp2p node since its start: every connection, encryption included; relayed ones only once. */
export interface WireBytes {
  received: number
  sent: number
}

/** Makes a collector of libp2p's own metrics. */
export type Libp2pMetrics = (components: { readonly logger: ComponentLogger }) => Metrics

/** A libp2p metrics component that counts connection bytes, and nothing else unless there is a `collector`. */
export function countWireBytes(counter: WireBytes, collector?: Metrics): Metrics {
  const nothing = {
    update() {},
    increment() {},
    decrement() {},
    reset() {},
    observe() {},
    timer: () => () => {},
  }
  const register = () => nothing
  const trackMultiaddrConnection = (connection: MultiaddrConnection): void => {
    collector?.trackMultiaddrConnection(connection)
    // Its bytes go over the connection with the relay.
    if (isRelayed(connection.remoteAddr.toString())) return
    connection.addEventListener('message', (event) => {
      counter.received += event.data.byteLength
    })
    const send = connection.send.bind(connection)
    connection.send = (data) => {
      counter.sent += data.byteLength
      return send(data)
    }
  }
  if (collector !== undefined) return withTracking(collector, trackMultiaddrConnection)
  const metrics = {
    trackMultiaddrConnection,
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

/** A collector, but for the method that sees every connection. */
function withTracking(
  collector: Metrics,
  trackMultiaddrConnection: Metrics['trackMultiaddrConnection'],
): Metrics {
  return new Proxy(collector, {
    get(target, name) {
      if (name === 'trackMultiaddrConnection') return trackMultiaddrConnection
      const value: unknown = Reflect.get(target, name, target)
      return typeof value === 'function' ? value.bind(target) : value
    },
  })
}
