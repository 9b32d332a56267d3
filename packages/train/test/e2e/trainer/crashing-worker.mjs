// A training thread that starts well and dies at its first training request.
import { parentPort } from 'node:worker_threads'

parentPort.postMessage({ kind: 'ready', backend: { name: 'cpu', notice: 'crashes' } })
parentPort.on('message', (message) => {
  if (message.kind === 'train') throw new Error('out of luck')
  if (message.kind !== 'evaluate') parentPort.postMessage({ kind: 'result', id: message.id, value: null })
})
