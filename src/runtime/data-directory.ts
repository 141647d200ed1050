import { invalid } from './config/invalid.ts'
import { systemCode } from './system-code.ts'

/** Somebody has to change the directory or the setting: to wait for it is no use. */
const unusableCodes: ReadonlySet<string> = new Set([
  'EACCES',
  'EPERM',
  'ENOTDIR',
  'EEXIST',
  'EROFS',
])

/** Opens something in the data directory, and refuses the setting where that can't be used. */
export async function inDataDirectory<T>(directory: string, open: () => Promise<T>): Promise<T> {
  try {
    return await open()
  } catch (error) {
    const code = unusableCode(error)
    if (code === undefined) throw error
    throw invalid(`"data_directory": ${directory} can't be used (${code})`, error)
  }
}

/** The stores keep what the file system said as the cause of their own errors. */
function unusableCode(error: unknown): string | undefined {
  if (!(error instanceof Error)) return undefined
  const code = systemCode(error)
  return code !== undefined && unusableCodes.has(code) ? code : unusableCode(error.cause)
}
