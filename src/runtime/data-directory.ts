import { invalid } from './config/invalid.ts'
import { systemCode } from './system-code.ts'

/** An operator has to change the directory or the setting: no retry can succeed. */
const unusableCodes: ReadonlySet<string> = new Set([
  'EACCES',
  'EPERM',
  'ENOTDIR',
  'EEXIST',
  'EROFS',
])

/** Opens something in the data directory; refuses the setting if the directory can't be used. */
export async function inDataDirectory<T>(directory: string, open: () => Promise<T>): Promise<T> {
  try {
    return await open()
  } catch (error) {
    const code = unusableCode(error)
    if (code === undefined) throw error
    throw invalid(`"data_directory": ${directory} can't be used (${code})`, error)
  }
}

/** The stores keep the error of the file system as the cause of their own. */
function unusableCode(error: unknown): string | undefined {
  if (!(error instanceof Error)) return undefined
  const code = systemCode(error)
  return code !== undefined && unusableCodes.has(code) ? code : unusableCode(error.cause)
}
