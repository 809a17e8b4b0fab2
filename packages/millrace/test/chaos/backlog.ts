interface Progress {
  readonly consumers: readonly {
    readonly name: string
    readonly partitions: readonly { readonly position: number; readonly end: number }[]
  }[]
}

/** What the apps have to do yet, in words: of each consumer, how many partitions somebody has, and how many records wait. */
export async function describeBacklog(urls: readonly string[]): Promise<string> {
  const apps = await Promise.all(urls.map(progressOf))
  const byName = Map.groupBy(
    apps.flatMap(({ consumers }) => consumers),
    ({ name }) => name,
  )
  const parts = [...byName].map(([name, consumers]) => {
    const shares = consumers.map(({ partitions }) => partitions.length).join(' + ')
    const behind = consumers.flatMap(({ partitions }) => partitions.map(({ position, end }) => end - position))
    return `${name} has ${shares} partitions, ${behind.reduce((sum, records) => sum + records, 0)} records wait`
  })
  return parts.join('; ')
}

async function progressOf(url: string): Promise<Progress> {
  try {
    const response = await fetch(`${url}/health/progress`, { signal: AbortSignal.timeout(2_000) })
    return (await response.json()) as Progress
  } catch {
    return { consumers: [] }
  }
}
