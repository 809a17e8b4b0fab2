import { fail } from '../core/errors.ts'

/** The oldest Node that runs TypeScript as it is written here, and has what the framework uses. */
export const neededNode = 26

/**
 * Refuses an older Node. Node 22.18 to 25 come this far; what is older cannot load a `.ts` file, and is stopped by
 * `tools/need-node.mjs`, which the npm scripts load first.
 *
 * @throws NODE_TOO_OLD
 */
export function requireNode(found: string = process.versions.node): void {
  if (Number.parseInt(found, 10) < neededNode) throw fail('NODE_TOO_OLD', { needed: neededNode, found })
}
