/** Writes the parts of an ONNX file (onnx.proto3, IR version 10) that exported models use. */

import protobuf from 'protobufjs/minimal.js'

const IR_VERSION = 10
/** Has GroupNormalization with one scale per channel, Gelu and LayerNormalization. */
const OPSET = 21
const FLOAT = 1
const INT32 = 6
const INT64 = 7

export type Attribute = number | string | readonly number[] | { readonly float: number }

export interface OnnxNode {
  readonly type: string
  readonly inputs: readonly string[]
  readonly outputs: readonly string[]
  readonly attributes?: Readonly<Record<string, Attribute>>
}

export interface Initializer {
  readonly name: string
  readonly shape: readonly number[]
  readonly data: Float32Array | BigInt64Array
}

export interface OnnxValue {
  readonly name: string
  readonly type: 'float32' | 'int32'
  /** After the batch, whose size is open. */
  readonly shape: readonly number[]
}

export interface OnnxModel {
  readonly name: string
  readonly nodes: readonly OnnxNode[]
  readonly initializers: readonly Initializer[]
  readonly input: OnnxValue
  readonly output: OnnxValue
  readonly metadata: Readonly<Record<string, string>>
}

type Part = Uint8Array

function message(write: (writer: protobuf.Writer) => void): Part {
  const writer = protobuf.Writer.create()
  write(writer)
  return writer.finish()
}

function text(writer: protobuf.Writer, field: number, value: string): void {
  writer.uint32((field << 3) | 2).string(value)
}

function integer(writer: protobuf.Writer, field: number, value: number): void {
  writer.uint32(field << 3).int64(value)
}

function nested(writer: protobuf.Writer, field: number, part: Part): void {
  writer.uint32((field << 3) | 2).bytes(part)
}

function encodeAttribute(name: string, value: Attribute): Part {
  return message((writer) => {
    text(writer, 1, name)
    if (typeof value === 'object' && 'float' in value) {
      writer.uint32((2 << 3) | 5).float(value.float)
      integer(writer, 20, 1)
    } else if (typeof value === 'number') {
      integer(writer, 3, value)
      integer(writer, 20, 2)
    } else if (typeof value === 'string') {
      nested(writer, 4, Buffer.from(value, 'utf8'))
      integer(writer, 20, 3)
    } else {
      for (const one of value) integer(writer, 8, one)
      integer(writer, 20, 7)
    }
  })
}

function encodeNode({ type, inputs, outputs, attributes = {} }: OnnxNode): Part {
  return message((writer) => {
    for (const input of inputs) text(writer, 1, input)
    for (const output of outputs) text(writer, 2, output)
    text(writer, 4, type)
    for (const [name, value] of Object.entries(attributes)) nested(writer, 5, encodeAttribute(name, value))
  })
}

function encodeTensor({ name, shape, data }: Initializer): Part {
  return message((writer) => {
    for (const size of shape) integer(writer, 1, size)
    integer(writer, 2, data instanceof Float32Array ? FLOAT : INT64)
    text(writer, 8, name)
    nested(writer, 9, new Uint8Array(data.buffer, data.byteOffset, data.byteLength))
  })
}

function encodeValue({ name, type, shape }: OnnxValue): Part {
  const sizes = message((writer) => {
    nested(
      writer,
      1,
      message((dim) => text(dim, 2, 'batch')),
    )
    for (const size of shape)
      nested(
        writer,
        1,
        message((dim) => integer(dim, 1, size)),
      )
  })
  const tensor = message((writer) => {
    integer(writer, 1, type === 'float32' ? FLOAT : INT32)
    nested(writer, 2, sizes)
  })
  return message((writer) => {
    text(writer, 1, name)
    nested(
      writer,
      2,
      message((kind) => nested(kind, 1, tensor)),
    )
  })
}

export function encodeOnnx({ name, nodes, initializers, input, output, metadata }: OnnxModel): Uint8Array {
  const graph = message((writer) => {
    for (const node of nodes) nested(writer, 1, encodeNode(node))
    text(writer, 2, name)
    for (const tensor of initializers) nested(writer, 5, encodeTensor(tensor))
    nested(writer, 11, encodeValue(input))
    nested(writer, 12, encodeValue(output))
  })
  return message((writer) => {
    integer(writer, 1, IR_VERSION)
    text(writer, 2, 'tempered')
    nested(writer, 7, graph)
    nested(
      writer,
      8,
      message((opset) => {
        text(opset, 1, '')
        integer(opset, 2, OPSET)
      }),
    )
    for (const [key, value] of Object.entries(metadata)) {
      nested(
        writer,
        14,
        message((entry) => {
          text(entry, 1, key)
          text(entry, 2, value)
        }),
      )
    }
  })
}
