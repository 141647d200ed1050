import { accessSync, constants, lstatSync, readlinkSync, statSync } from 'node:fs'
import { dirname, join, parse, resolve, sep } from 'node:path'
import { systemCode } from '../system-code.ts'

/** What a path is for: to read a file, to write one, or to keep files in a directory. */
type PathUse = 'read' | 'write' | 'directory'

/**
 * Why a path can't be used, and what to do, for the person who named it. Undefined if neither the
 * error nor one of its causes is of the operating system. `files` are written in a directory.
 */
export function pathFault(
  path: string,
  use: PathUse,
  error: unknown,
  files: readonly string[] = [],
): string | undefined {
  const code = systemCode(systemCause(error))
  if (code === undefined) return undefined
  const inside = () =>
    kindOf(path) === 'directory' ? files.map((file) => faultyPart(join(path, file), 'write')) : []
  return (
    faultOfCode(code, path) ??
    faultyPart(path, use) ??
    inside().find((fault) => fault !== undefined) ??
    `${path} can't be used (${code})`
  )
}

/** The stores keep the error of the file system as the cause of their own. */
export function systemCause(error: unknown): Error | undefined {
  if (!(error instanceof Error)) return undefined
  return systemCode(error) === undefined ? systemCause(error.cause) : error
}

const shownMax = 100

function faultOfCode(code: string, path: string): string | undefined {
  if (['ENOSPC', 'EDQUOT', 'EFBIG'].includes(code)) {
    return `no space is left on the disk of ${path}: make room, or name another path`
  }
  if (code === 'ENAMETOOLONG') {
    return `the path ${path.slice(0, shownMax)}… is too long: name a shorter one`
  }
  if (code === 'ELOOP') return `the symbolic links of ${path} lead in a circle: correct them`
  return undefined
}

/** Looks at the path from its root on: the error alone rarely tells which part is at fault. */
function faultyPart(path: string, use: PathUse): string | undefined {
  const whole = resolve(path)
  for (const part of partsOf(whole)) {
    const isLast = part === whole
    const found = kindOf(part)
    if (found === 'hidden') return `this user may not look into ${dirname(part)}: ${permit}`
    if (found === 'dangling') {
      return `${part} is a symbolic link to ${readlinkSync(part)}, which doesn't exist: correct it`
    }
    if (found === 'missing') return missing(whole, part, use)
    if (found === 'file' && (!isLast || use === 'directory')) {
      return `${part} is a file, not a directory: name another path, or move it away`
    }
    if (found === 'directory' && isLast && use !== 'directory') {
      return `${part} is a directory, not a file: name a file`
    }
  }
  return forbidden(whole, use === 'read' ? 'read' : 'write')
}

const permit = 'change its owner or permissions, or name another path'

function missing(whole: string, part: string, use: PathUse): string | undefined {
  if (use === 'read' && part === whole) return `${part} doesn't exist: correct the path`
  if (use === 'read') return `${whole} doesn't exist, nor does ${part}: correct the path`
  if (use === 'write' && part !== whole) {
    return `the directory ${dirname(whole)} doesn't exist: make it, or correct the path`
  }
  return forbidden(dirname(part), 'write')
}

function forbidden(part: string, access: 'read' | 'write'): string | undefined {
  const isDirectory = statSync(part).isDirectory()
  const toRead = isDirectory ? constants.R_OK | constants.X_OK : constants.R_OK
  try {
    accessSync(part, access === 'read' ? toRead : toRead | constants.W_OK)
    return undefined
  } catch (error) {
    if (systemCode(error) === 'EROFS') {
      return `${part} is on a read-only file system: name another path`
    }
    return `this user may not ${access} ${isDirectory ? 'in ' : ''}${part}: ${permit}`
  }
}

type Kind = 'file' | 'directory' | 'missing' | 'dangling' | 'hidden'

function kindOf(part: string): Kind {
  try {
    const isLink = lstatSync(part).isSymbolicLink()
    const stats = statSync(part, { throwIfNoEntry: false })
    if (stats === undefined) return isLink ? 'dangling' : 'missing'
    return stats.isDirectory() ? 'directory' : 'file'
  } catch (error) {
    return systemCode(error) === 'ENOENT' ? 'missing' : 'hidden'
  }
}

/** `/a/b` and `/a`, the shortest first. */
function partsOf(whole: string): readonly string[] {
  const { root } = parse(whole)
  const names = whole.slice(root.length).split(sep)
  return names.map((_, i) => root + names.slice(0, i + 1).join(sep))
}
