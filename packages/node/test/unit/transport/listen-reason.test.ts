import { expect, it } from 'vitest'
import { listenReason } from '../../../src/transport/listen-reason.js'

const ADVICE = 'Some configured addresses failed, or set `transportManager.faultTolerance` to NO_FATAL:'

it.each([
  ['listen EADDRINUSE: address already in use 127.0.0.1:4001', 'another process already listens there'],
  ['listen EADDRNOTAVAIL: address not available 192.0.2.7:4001', 'this machine does not have that address'],
  ['listen EACCES: permission denied', '/ip4/127.0.0.1/tcp/80: listen EACCES: permission denied'],
])('says why, without the advice of libp2p: %s', (cause, reason) => {
  expect(listenReason(new Error(`${ADVICE}\n\n  /ip4/127.0.0.1/tcp/80: ${cause}\n`))).toBe(reason)
})
