/**
 * The environment for the server's programs: only what the system's loader and runtime need. The user's own `PG…`
 * variables would change the server, and Node's would change its supervisor.
 */
export function serverEnvironment(): Record<string, string> {
  const kept = ['PATH', 'HOME', 'TMPDIR', 'TEMP', 'TMP', 'SystemRoot', 'LD_LIBRARY_PATH', 'DYLD_LIBRARY_PATH']
  const present = kept.flatMap((name) => {
    const value = process.env[name]
    return value === undefined ? [] : [[name, value] as const]
  })
  return { ...Object.fromEntries(present), LC_ALL: 'C' }
}
