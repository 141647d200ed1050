import type { Config } from '../../runtime/config/config.ts'

/** The limits that can be set; `config/default.yaml` says what each means. */
export type ApiLimits = Config['limits']

/** Path and query of a request line; `URL_TOO_LONG` beyond it. */
export const urlBytesMax = 8_192
/** The path and all headers, names and values; 431 from here on. */
export const headerBytesMax = 16_384
/** No route reads a body, so a small one is ignored; `BODY_TOO_LARGE` beyond it. */
export const bodyBytesMax = 16_384
/** A client that takes longer to send its headers is answered with 408. */
export const headersMsMax = 10_000
/** A client that takes longer to send a whole request is answered with 408. */
export const requestMsMax = 15_000
/** A connection without traffic for this long is closed, as when its client doesn't read. */
export const idleMsMax = 60_000
