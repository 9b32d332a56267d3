import { ProtocolError } from '@tempered/protocol'
import { describe, expect, it } from 'vitest'
import { z } from 'zod'
import { NodeError } from '../../../src/errors.js'
import { streamError } from '../../../src/transport/framed-stream.js'

describe('streamError', () => {
  it.each<[string, unknown, string]>([
    ['a deadline', new DOMException('over 5 ms', 'TimeoutError'), 'E_TIMEOUT'],
    ['an abort', new DOMException('stop', 'AbortError'), 'E_STOPPED'],
    ['a refusal of the codec', new ProtocolError('E_NOT_CANONICAL', 'no'), 'E_MALFORMED'],
    ['a frame with the wrong fields', z.strictObject({ a: z.int() }).safeParse({}).error, 'E_MALFORMED'],
    ['a reset', Object.assign(new Error('reset'), { name: 'StreamResetError' }), 'E_STREAM'],
    ['a close event, which is no Error', new Event('close'), 'E_STREAM'],
    ['nothing at all', undefined, 'E_STREAM'],
  ])('turns %s into a typed error', (_what, cause, code) => {
    const error = streamError(cause, 'the exchange')
    expect(error).toBeInstanceOf(NodeError)
    expect(error.code).toBe(code)
    expect(error.message).toContain('the exchange')
  })

  it('leaves errors of this package as they are', () => {
    const error = new NodeError('E_HASH_MISMATCH', 'x')
    expect(streamError(error, 'the exchange')).toBe(error)
  })
})
