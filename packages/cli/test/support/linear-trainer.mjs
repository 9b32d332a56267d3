// A trainer of one's own in Node.js, for tests: linear regression on a CSV file with the columns x and y.
// linear-trainer.mjs <file.csv> [mode]; it writes its pid to <file.csv>.pids. Its first slope is a tenth of the seed.
// Modes: `deaf` never ends a round and ignores
// the end of its input; `crash` ends with a message in its second round.
import { createHash } from 'node:crypto'
import { appendFileSync, readFileSync } from 'node:fs'

const [path, mode = 'plain'] = process.argv.slice(2)
appendFileSync(`${path}.pids`, `${process.pid}\n`)
if (mode === 'deaf') setInterval(() => undefined, 1000)

const text = readFileSync(path, 'utf8')
const [, ...lines] = text.trim().split('\n')
let rows = []
let flat = new Float32Array(2)

function split(on) {
  return rows.filter((_, k) => (k % 5 === 0) === (on === 'test'))
}

function evaluate({ on, limit }, deviation) {
  const used = split(on).slice(0, limit ?? undefined)
  const errors = used.map(([x, y]) => flat[0] * x + flat[1] - y)
  const mean = (values) => values.reduce((sum, value) => sum + value, 0) / used.length
  const loss = mean(errors.map((error) => error * error))
  return { loss, metrics: { mae: deviation * mean(errors.map(Math.abs)) }, samples: used.length }
}

function train({ round, steps, batchSize, learningRate, momentum, seed }) {
  if (mode === 'deaf') for (;;);
  if (mode === 'crash' && round === 1) {
    process.stderr.write('no second round here\n')
    process.exit(5)
  }
  const samples = split('training')
  let state = seed
  const velocity = [0, 0]
  let loss = 0
  for (let step = 0; step < steps; step++) {
    const gradient = [0, 0]
    for (let k = 0; k < batchSize; k++) {
      state = (Math.imul(state, 1664525) + 1013904223) >>> 0
      const [x, y] = samples[state % samples.length]
      const error = flat[0] * x + flat[1] - y
      loss += error * error
      gradient[0] += (2 * error * x) / batchSize
      gradient[1] += (2 * error) / batchSize
    }
    for (const k of [0, 1]) {
      velocity[k] = momentum * velocity[k] + gradient[k]
      flat[k] -= learningRate * velocity[k]
    }
  }
  return { loss: loss / steps / batchSize, samples: steps * batchSize }
}

let deviation = 1
function answer(request, tensor) {
  switch (request.type) {
    case 'hello': {
      const [input] = request.task.input.columns
      const [output] = request.task.output.columns
      const scaled = (value, { mean, deviation: by }) => (Number(value) - mean) / by
      rows = lines.map((line) => line.split(',')).map(([x, y]) => [scaled(x, input), scaled(y, output)])
      deviation = output.deviation
      flat = Float32Array.of(request.seed / 10, 0)
      const [samples, testSamples] = [split('training').length, split('test').length]
      const data = createHash('sha256').update(text).digest('hex')
      const layout = request.layout.map(({ name, shape }) => ({ name, shape }))
      return { version: 1, layout, samples, testSamples, data }
    }
    case 'set':
      flat = tensor
      return {}
    case 'train':
      return train(request)
    case 'evaluate':
      return evaluate(request, deviation)
    case 'losses': {
      const models = Array.from({ length: request.count }, (_, k) => tensor.slice(2 * k, 2 * k + 2))
      return {
        values: models.map((model) => {
          flat = model
          return evaluate({ ...request, on: 'training' }, deviation).loss
        }),
      }
    }
    default:
      return {}
  }
}

let buffer = Buffer.alloc(0)
process.stdin.on('data', (piece) => {
  buffer = Buffer.concat([buffer, piece])
  for (;;) {
    if (buffer.length < 8) return
    const [json, tensors] = [buffer.readUInt32LE(0), buffer.readUInt32LE(4)]
    if (buffer.length < 8 + json + tensors) return
    const request = JSON.parse(buffer.toString('utf8', 8, 8 + json))
    const bytes = Uint8Array.from(buffer.subarray(8 + json, 8 + json + tensors))
    buffer = buffer.subarray(8 + json + tensors)
    const reply = Buffer.from(
      JSON.stringify({ type: request.type, ...answer(request, new Float32Array(bytes.buffer)) }),
    )
    const out = request.type === 'get' ? Buffer.from(flat.buffer) : Buffer.alloc(0)
    const head = Buffer.alloc(8)
    head.writeUInt32LE(reply.length, 0)
    head.writeUInt32LE(out.length, 4)
    process.stdout.write(Buffer.concat([head, reply, out]))
    if (request.type === 'shutdown') process.exit(0)
  }
})
