/**
 * Builds @tensorflow/tfjs-node for `backend: node` out of what the registries of npm and Python hold, for places where
 * its own install script cannot reach storage.googleapis.com: the C library of TensorFlow comes out of Python's wheel,
 * and the addon is compiled against it. Linux on x86-64, with g++ and a Python that has pip.
 *
 * node scripts/build-tfjs-node.mjs <folder> [--headers <folder with node_api.h>]
 */

import { spawnSync } from 'node:child_process'
import { existsSync, mkdirSync, readdirSync, rmSync, writeFileSync } from 'node:fs'
import { dirname, join, resolve } from 'node:path'
import { parseArgs } from 'node:util'

const TFJS_NODE = '@tensorflow/tfjs-node@4.22.0'
/** The wheel need not fit the installed Python: it is only unpacked. 207 MB. */
const WHEEL = ['tensorflow-cpu==2.15.1', '--python-version', '3.11', '--platform', 'manylinux_2_17_x86_64']
const LIBRARIES = ['libtensorflow_cc.so.2', 'libtensorflow_framework.so.2']
const UNPACK = `
import sys, zipfile
wheel, target = sys.argv[1:]
wanted = ('tensorflow/include/tensorflow/', 'tensorflow/include/tsl/', 'tensorflow/libtensorflow_')
with zipfile.ZipFile(wheel) as archive:
    archive.extractall(target, [name for name in archive.namelist() if name.startswith(wanted)])
`

function fail(text) {
  console.error(`build-tfjs-node: ${text}`)
  process.exit(1)
}

function run(command, args, options = {}) {
  console.error(`$ ${[command, ...args.map((arg) => (arg === UNPACK ? '…' : arg))].join(' ')}`)
  const { status, error } = spawnSync(command, args, { stdio: 'inherit', ...options })
  if (status !== 0) fail(error ? `${command} did not start: ${error.message}` : `${command} failed`)
}

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: { headers: { type: 'string' } },
})
if (positionals.length !== 1) fail('give the folder to build it in, outside of this repository')
if (process.platform !== 'linux' || process.arch !== 'x64') {
  fail(`it is written for Linux on x86-64, this is ${process.platform} on ${process.arch}`)
}
const prefix = dirname(dirname(process.execPath))
const headers = resolve(values.headers ?? join(prefix, 'include', 'node'))
if (!existsSync(join(headers, 'node_api.h'))) {
  fail(`${headers} has no node_api.h; name the folder of Node's headers with --headers`)
}

const folder = resolve(positionals[0])
mkdirSync(folder, { recursive: true })
if (!existsSync(join(folder, 'package.json')))
  writeFileSync(join(folder, 'package.json'), '{"private":true}\n')
run('npm', ['install', '--ignore-scripts', '--no-audit', '--no-fund', TFJS_NODE], { cwd: folder })

const wheels = join(folder, 'wheel')
run('python3', ['-m', 'pip', 'download', '--no-deps', '--only-binary=:all:', '--dest', wheels, ...WHEEL])
const wheel = readdirSync(wheels).find((name) => name.endsWith('.whl')) ?? fail(`no wheel in ${wheels}`)
const addon = join(folder, 'node_modules', '@tensorflow', 'tfjs-node')
const deps = join(addon, 'deps')
run('python3', ['-c', UNPACK, join(wheels, wheel), deps])
rmSync(wheels, { recursive: true })

// What binding.gyp does, with the wheel's names of the libraries.
const unpacked = join(deps, 'tensorflow')
const built = join(addon, 'lib', 'napi-v8')
mkdirSync(built, { recursive: true })
run('g++', [
  ...['-std=c++17', '-O2', '-fPIC', '-shared', '-DNAPI_VERSION=8'],
  ...[`-I${headers}`, `-I${join(unpacked, 'include')}`],
  ...['tfjs_backend.cc', 'tfjs_binding.cc'].map((name) => join(addon, 'binding', name)),
  ...['-o', join(built, 'tfjs_binding.node'), `-L${unpacked}`, ...LIBRARIES.map((name) => `-l:${name}`)],
  '-Wl,-rpath,$ORIGIN/../../deps/tensorflow',
])

const check =
  "const tf = require('@tensorflow/tfjs-node'); tf.ones([2, 2]).matMul(tf.ones([2, 2])).dataSync()"
run(process.execPath, ['-e', check], { cwd: folder })
console.error('It loads and computes. Before a command that uses it:')
console.log(`export NODE_PATH=${join(folder, 'node_modules')}`)
