/**
 * Which trace something belongs to, and what came before it, as W3C Trace Context writes it:
 * https://www.w3.org/TR/trace-context/
 */
export interface TraceContext {
  /** `00-<trace id, 32 hex digits>-<parent id, 16 hex digits>-<flags, 2 hex digits>` */
  readonly traceparent: string
  /** What tracing systems keep of theirs. */
  readonly tracestate?: string
}

const traceparentForm = /^([\da-f]{2})-([\da-f]{32})-([\da-f]{16})-([\da-f]{2})(-.*)?$/
const noTrace = '0'.repeat(32)
const noParent = '0'.repeat(16)

const longestState = 512
const mostMembers = 32
const stateMember =
  /^\s*[a-z\d][a-z\d_\-*/@]{0,255}=[\x20-\x2b\x2d-\x3c\x3e-\x7e]{0,255}[\x21-\x2b\x2d-\x3c\x3e-\x7e]\s*$/

/**
 * The context that two headers tell; undefined where there is none, or an invalid one. One of a later version is read as
 * far as it is known, and passed on as version 00. A `tracestate` that is invalid, or longer than 512 characters, is left out.
 */
export function parseTraceContext(
  traceparent: string | undefined,
  tracestate: string | undefined,
): TraceContext | undefined {
  if (traceparent === undefined) return undefined
  const [, version, trace, parent, flags, more] = traceparentForm.exec(traceparent) ?? []
  if (version === undefined || version === 'ff' || (version === '00' && more !== undefined)) return undefined
  if (trace === noTrace || parent === noParent) return undefined
  const context = { traceparent: version === '00' ? traceparent : `00-${trace}-${parent}-${flags}` }
  return tracestate !== undefined && isTraceState(tracestate) ? { ...context, tracestate } : context
}

/** The id of the whole trace: 32 hex digits. */
export function traceIdOf({ traceparent }: TraceContext): string {
  return traceparent.slice(3, 35)
}

function isTraceState(text: string): boolean {
  if (text.length > longestState) return false
  const members = text.split(',').filter((member) => member.trim() !== '')
  return members.length > 0 && members.length <= mostMembers && members.every((member) => stateMember.test(member))
}
