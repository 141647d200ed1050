import type { Config } from '../../runtime/config/config.ts'

/** What the API takes of its clients; `config/default.yaml` says what each means. */
export type ApiLimits = Config['limits']

/** The path in a request line, its query included; `URL_TOO_LONG` beyond it. */
export const urlBytesMax = 8_192
/** The path and all headers, names and values; 431 from here on. */
export const headerBytesMax = 16_384
/** No route takes a body, so one is passed over; `BODY_TOO_LARGE` beyond it. */
export const bodyBytesMax = 16_384
/** A client that takes longer to send its headers is answered with 408. */
export const headersMsMax = 10_000
/** A client that takes longer to send a whole request is answered with 408. */
export const requestMsMax = 15_000
/** A connection on which nothing moves, such as one whose client doesn't read, is closed. */
export const idleMsMax = 60_000
