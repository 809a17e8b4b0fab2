import * as z from 'zod/v4/core'
import { DataMismatch, type Format, type ZodTypes } from '../core/format.ts'

const encoder = new TextEncoder()
const decoder = new TextDecoder('utf-8', { fatal: true })

/**
 * JSON with Zod schemas, the default format. Data is what the schemas put out; on the wire is what they take in, so that
 * codecs (`z.codec`) may carry dates and the like.
 */
export function json(): Format<ZodTypes> {
  return {
    name: 'JSON',
    contentType: 'application/json',
    encode: (schema, data) => {
      const text: string | undefined = JSON.stringify(z.encode(schema, data))
      if (text === undefined) throw new DataMismatch('undefined is no JSON')
      return encoder.encode(text)
    },
    decode: (schema, bytes) => {
      const result = z.safeDecode(schema, JSON.parse(decoder.decode(bytes)) as never)
      if (!result.success) throw new DataMismatch(z.prettifyError(result.error), { cause: result.error })
      return result.data
    },
  }
}
