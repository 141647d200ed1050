import { TradelogError } from '../../domain/errors.ts'

/** `message` is one line and holds no value of a setting, which could be a secret. */
export const invalid = (message: string, cause?: unknown): TradelogError =>
  new TradelogError('CONFIG_INVALID', message, { cause })

/** `a.b[0]`; a name that is not a plain one is shown in quotes and cut. */
export const pathText = (path: readonly string[]): string =>
  path.reduce((text, name) => {
    if (/^[0-9]+$/.test(name) && text !== '') return `${text}[${name}]`
    const shown = /^\w[\w-]{0,59}$/.test(name) ? name : JSON.stringify(name.slice(0, 60))
    return text === '' ? shown : `${text}.${shown}`
  }, '')
