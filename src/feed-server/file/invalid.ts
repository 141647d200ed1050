import { TradelogError } from '../../domain/errors.ts'
import { systemCode } from '../../runtime/system-code.ts'

/** What a line has to be instead. */
export const frameExample = '{"data":[…],"type":"trade"}'

/** `at` is the line that is wrong, or the last line before what can't be read. */
export function invalidFile(
  path: string,
  reason: string,
  { at, cause }: Readonly<{ at?: string; cause?: unknown }> = {},
): TradelogError {
  const place = at === undefined ? path : `${path}, ${at}`
  const fields = { file: path, ...(at === undefined ? {} : { at }) }
  return new TradelogError('FEED_FILE_INVALID', `${place}: ${reason}`, { cause, fields })
}

/** Why a file can't be read, without the words of the operating system. */
export function readFailure(error: unknown): string {
  const code = systemCode(error) ?? (error as { code?: string } | undefined)?.code ?? ''
  return failures[code] ?? (error instanceof Error ? error.message : String(error))
}

const noSuchFile = 'there is no such file: correct the path'

const failures: Readonly<Record<string, string>> = {
  ENOENT: noSuchFile,
  ENOTDIR: noSuchFile,
  ENAMETOOLONG: noSuchFile,
  ERR_INVALID_ARG_VALUE: noSuchFile,
  EACCES: 'this user may not read it: change its permissions, or those of its directory',
  EPERM: 'this user may not read it: change its permissions, or those of its directory',
  ELOOP: 'its symbolic links lead in a circle: correct the path',
  EISDIR: 'it is a directory: name a file in it',
  EIO: 'the disk can not read it: copy the file again',
  EMFILE: 'too many files are open: raise the limit (ulimit -n)',
  Z_BUF_ERROR: 'the gzip file is cut off: fetch or compress it again',
  Z_DATA_ERROR: 'the gzip file is damaged: fetch or compress it again',
}
