import { type Duration, isDuration, milliseconds } from '../core/duration.ts'

/** Reads the text of a variable. */
export interface Parser<Value> {
  /** What fits, as it goes into "… is not {expects}" and into the documentation. */
  readonly expects: string
  /** The value; undefined when the text does not fit. */
  read(text: string): Value | undefined
}

/** Any text; `expects` says what it stands for, such as `a folder`. */
export function string(expects = 'a text'): Parser<string> {
  return { expects, read: (text) => text }
}

/** The name of a topic, as every broker takes it. */
export function topicName(): Parser<string> {
  return {
    expects: 'a topic name (letters, digits, ".", "_" and "-"; at most 249)',
    read: (text) => (/^[A-Za-z0-9._-]{1,249}$/.test(text) && !/^\.\.?$/.test(text) ? text : undefined),
  }
}

/** A whole number within bounds, both included. */
export function integer({ min, max }: { readonly min: number; readonly max: number }): Parser<number> {
  const fits = (value: number) => value >= min && value <= max
  return {
    expects: `a whole number from ${min} to ${max}`,
    read: (text) => (/^-?\d{1,15}$/.test(text) && fits(Number(text)) ? Number(text) : undefined),
  }
}

/** A part of a whole, from 0 to 1. */
export function ratio(): Parser<number> {
  return {
    expects: 'a number from 0 to 1',
    read: (text) => (/^(0|1|0?\.\d{1,9}|1\.0{1,9})$/.test(text) ? Number(text) : undefined),
  }
}

/** A TCP port; 0 takes any that is free. */
export function port(): Parser<number> {
  return { ...integer({ min: 0, max: 65_535 }), expects: 'a port (0 to 65535; 0 takes any that is free)' }
}

/** A span of time, such as `250ms`, `10s`, `7d`; within bounds where they are given, both included. */
export function duration({ min, max }: { readonly min?: Duration; readonly max?: Duration } = {}): Parser<Duration> {
  const least = milliseconds(min ?? 0)
  const most = max === undefined ? Number.POSITIVE_INFINITY : milliseconds(max)
  const bounds = [min === undefined ? '' : ` from ${min}`, max === undefined ? '' : ` to ${max}`].join('')
  return {
    expects: `a duration${bounds}, such as 250ms, 10s, 5m or 7d`,
    read: (text) => {
      if (!isDuration(text)) return undefined
      const ms = milliseconds(text)
      return ms >= least && ms <= most ? text : undefined
    },
  }
}

/** One of a few words. */
export function oneOf<const Word extends string>(words: readonly Word[]): Parser<Word> {
  return { expects: `one of ${words.join(', ')}`, read: (text) => words.find((word) => word === text) }
}

/** Some of a few words, comma-separated, at least one, each once; in the order they are written. */
export function listOf<const Word extends string>(words: readonly Word[]): Parser<readonly Word[]> {
  const known = oneOf(words)
  return {
    expects: `one or more of ${words.join(', ')}, comma-separated`,
    read: (text) => {
      const read = [...new Set(text.split(',').map((word) => word.trim()))].map((word) => known.read(word))
      return read.every((word) => word !== undefined) ? read : undefined
    },
  }
}

/** Names, comma-separated, each once. */
export function names(expects = 'one or more names, comma-separated'): Parser<readonly string[]> {
  return {
    expects,
    read: (text) => {
      const read = [...new Set(text.split(',').map((name) => name.trim()))]
      return read.every((name) => /^[\w.-]+$/.test(name)) ? read : undefined
    },
  }
}

/** A URL of one of these schemes, with a host; with a user and password only where `login` allows it. */
export function url(
  schemes: readonly string[],
  { example, login = false }: { readonly example: string; readonly login?: boolean },
): Parser<string> {
  return {
    expects: `a URL like ${example}${login ? '' : ', without user and password'}`,
    read: (text) => {
      const parsed = URL.parse(text)
      const fits = parsed && schemes.includes(parsed.protocol.slice(0, -1)) && parsed.hostname !== ''
      return fits && (login || parsed.username === '') ? text : undefined
    },
  }
}

/** One mail address, without a name. */
export function mailAddress(): Parser<string> {
  return {
    expects: 'a mail address, such as app@example.com',
    read: (text) => (/^[^\s@<>()[\]\\,;:"]+@[^\s@<>()[\]\\,;:"]+$/.test(text) ? text : undefined),
  }
}

/** `true` or `false`. */
export function boolean(): Parser<boolean> {
  return { expects: 'true or false', read: (text) => ({ true: true, false: false })[text] }
}

/** A path of URLs, such as `/orders`; without a slash at its end, unless it is `/`. */
export function path(): Parser<string> {
  const steps = /^(\/[A-Za-z0-9._~-]+)*\/?$/
  return {
    expects: 'a path, such as /orders or /',
    read: (text) => (text !== '' && steps.test(text) ? text.replace(/(?<=.)\/$/, '') : undefined),
  }
}

/** Addresses of a cluster's nodes, comma-separated: host names or IP addresses, each with a port. */
export function addresses(): Parser<readonly string[]> {
  return { expects: 'one or more of host:port, comma-separated', read: addressesIn }
}

function addressesIn(text: string): readonly string[] | undefined {
  const list = text.split(',').map((address) => address.trim())
  const fits = (address: string) => /^([\w.-]+|\[[\da-fA-F:]+\]):\d{1,5}$/.test(address)
  return list.every(fits) ? list : undefined
}

/** A PostgreSQL URL that names a database. */
export function postgresUrl(): Parser<string> {
  return { expects: 'a URL like postgres://user:password@host:5432/database', read: (text) => postgresUrlIn(text) }
}

function postgresUrlIn(text: string): string | undefined {
  const url = URL.parse(text)
  const fits = url && ['postgres:', 'postgresql:'].includes(url.protocol) && url.pathname.length > 1
  return fits ? text : undefined
}

/** A Redis URL, which may name one of the server's databases by its number. */
export function redisUrl(): Parser<string> {
  const any = url(['redis', 'rediss'], { example: 'redis://user:password@host:6379', login: true })
  const fits = (text: string) => /^(\/\d{0,5})?$/.test(URL.parse(text)?.pathname ?? '') && !/[?#]/.test(text)
  return {
    expects: `${any.expects}, or rediss:// for TLS`,
    read: (text) => (fits(text) ? any.read(text) : undefined),
  }
}

/** A random text that signs something: at least so many bytes. */
export function secret(bytes: number): Parser<string> {
  return {
    expects: `a secret of at least ${bytes} bytes`,
    read: (text) => (new TextEncoder().encode(text).length >= bytes ? text : undefined),
  }
}

/** Origins of web pages, comma-separated, as browsers write them; or `*` for all. */
export function origins(): Parser<readonly string[]> {
  return {
    expects: 'one or more origins like https://app.example, comma-separated, or *',
    read: (text) => {
      const list = text.split(',').map((origin) => origin.trim())
      return list.every(isOrigin) ? list : undefined
    },
  }
}

function isOrigin(text: string): boolean {
  if (text === '*') return true
  const url = URL.parse(text)
  return url !== null && !url.host.includes('*') && ['http:', 'https:'].includes(url.protocol) && url.origin === text
}

/** How many proxies to trust, or which ones: addresses, networks (`10.0.0.0/8`), `loopback`, `linklocal`, `uniquelocal`. */
export function proxies(): Parser<number | readonly string[]> {
  return {
    expects: 'a number of proxies, or their addresses or networks like 10.0.0.0/8, comma-separated',
    read: (text) => {
      if (/^\d{1,2}$/.test(text)) return Number(text)
      const list = text.split(',').map((proxy) => proxy.trim())
      return list.every((proxy) => proxyPattern.test(proxy)) ? list : undefined
    },
  }
}

const proxyPattern =
  /^(loopback|linklocal|uniquelocal|(\d{1,3}(\.\d{1,3}){3}|[\da-fA-F]{0,4}(:[\da-fA-F]{0,4}){2,7})(\/\d{1,3})?)$/
