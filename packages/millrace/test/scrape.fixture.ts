import { expect } from 'vitest'
import type { TestApp } from '../src/testing/index.ts'

/** What a scrape answered. */
export interface Scrape {
  /** The type of each family, by its name. */
  readonly families: ReadonlyMap<string, string>
  /** The value of a sample by its name and labels, as they are written; undefined where there is none. */
  value(name: string, labels?: Readonly<Record<string, string>>): number | undefined
  /** The labels of the samples of a name. */
  series(name: string): Record<string, string>[]
}

interface Sample {
  readonly name: string
  readonly labels: Record<string, string>
  readonly value: number
}

const sampleForm = /^([a-zA-Z_:][\w:]*)(?:\{(.*)\})? (\S+)$/
const labelForm = /([a-zA-Z_]\w*)="((?:\\.|[^"\\])*)"/g

/** Asks an app for its metrics, and reads them as Prometheus does: what is not well-formed fails. */
export async function scrape(t: Pick<TestApp, 'http'>): Promise<Scrape> {
  const { statusCode, headers, body } = await t.http.get('/metrics')
  expect([statusCode, headers['content-type']]).toEqual([200, 'text/plain; version=0.0.4; charset=utf-8'])
  const lines = body.split('\n').filter((line) => line !== '')
  const families = new Map(lines.flatMap((line) => matched(/^# TYPE (\S+) (counter|gauge|histogram|summary)$/, line)))
  const helped = new Set(lines.flatMap((line) => /^# HELP (\S+) \S/.exec(line)?.[1] ?? []))
  expect([...families.keys()].filter((name) => !helped.has(name))).toEqual([])
  const samples = lines.filter((line) => !line.startsWith('#')).map(sampleOf)
  expect(samples.filter(({ name }) => !families.has(name) && !families.has(familyOf(name)))).toEqual([])
  return {
    families,
    series: (name) => samples.filter((sample) => sample.name === name).map(({ labels }) => labels),
    value: (name, labels = {}) =>
      samples.find(
        (sample) =>
          sample.name === name && Object.entries(labels).every(([label, text]) => sample.labels[label] === text),
      )?.value,
  }
}

function matched(form: RegExp, line: string): [string, string][] {
  const [, name, type] = form.exec(line) ?? []
  return name !== undefined && type !== undefined ? [[name, type]] : []
}

function sampleOf(line: string): Sample {
  const [, name = '', labels = '', value] = sampleForm.exec(line) ?? []
  if (name === '') throw new Error(`no sample: ${line}`)
  return {
    name,
    labels: Object.fromEntries([...labels.matchAll(labelForm)].map(([, label, text]) => [label, text])),
    value: Number(value),
  }
}

function familyOf(name: string): string {
  return name.replace(/_(bucket|sum|count)$/, '')
}
