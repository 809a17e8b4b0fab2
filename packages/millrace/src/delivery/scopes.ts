/**
 * The name of a replay's scope: of its dead letters, in logs and in metrics. No consumer's own name has an "@".
 *
 * @param id the replay's; none for what all replays of the consumer share
 */
export function scopeName(consumer: string, id?: number): string {
  return id === undefined ? `${consumer}@replay` : `${consumer}@replay-${id}`
}

/** The consumer whose handlers see to what is under a name: its own, or that of a replay's scope. */
export function consumerOfScope(name: string): string {
  return name.replace(/@replay-\d+$/, '')
}
