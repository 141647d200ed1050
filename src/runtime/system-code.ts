import { constants } from 'node:os'

const names = new Map(Object.entries(constants.errno).map(([name, number]) => [number, name]))

/**
 * The name of an error of the operating system, such as `EACCES`: Node gives the name, LMDB the
 * number. Undefined for any other error, such as Node's own `ERR_…`.
 */
export function systemCode(error: unknown): string | undefined {
  const { code } = (error ?? {}) as { code?: unknown }
  if (typeof code === 'number') return names.get(code)
  return typeof code === 'string' && /^E[A-Z0-9]+$/.test(code) ? code : undefined
}
