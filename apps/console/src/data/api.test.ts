import { expect, test } from 'vitest'
import { Api } from './api.ts'
import { type Request, RequestError } from './request.ts'

const unauthorized = new RequestError({ code: 'UNAUTHORIZED', status: 401, detail: '' })

/** An API whose server takes one token, as a user whose session gives these, one after the other. */
function start({ taken, given }: { readonly taken: string; readonly given: readonly (string | undefined)[] }) {
  const tokens = [...given]
  const sent: (string | undefined)[] = []
  const ended: string[] = []
  const session = { accessToken: async () => tokens.shift(), end: (token: string) => void ended.push(token) }
  const send = async ({ token }: Request) => {
    sent.push(token)
    if (token !== taken) throw unauthorized
    return 'answer'
  }
  return { api: new Api(session, send), sent, ended }
}

test('a request bears the token', async () => {
  const { api, sent } = start({ taken: 'a', given: ['a'] })
  expect(await api.get('/')).toBe('answer')
  expect(sent).toEqual(['a'])
})

test('a token that is refused is exchanged, once', async () => {
  const { api, sent, ended } = start({ taken: 'b', given: ['a', 'b'] })
  expect(await api.post('/')).toBe('answer')
  expect([sent, ended]).toEqual([['a', 'b'], []])
})

test('a session whose next token is refused as well is over', async () => {
  const { api, sent, ended } = start({ taken: 'c', given: ['a', 'b', 'c'] })
  await expect(api.patch('/')).rejects.toBe(unauthorized)
  expect([sent, ended]).toEqual([['a', 'b'], ['b']])
})

test('without a session it is not tried again', async () => {
  for (const given of [[undefined], ['a', undefined]]) {
    const { api, sent, ended } = start({ taken: 'b', given })
    await expect(api.delete('/')).rejects.toBe(unauthorized)
    expect([sent.length, ended]).toEqual([1, []])
  }
})
