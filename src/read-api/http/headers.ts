import { IncomingMessage, ServerResponse } from 'node:http'
import { Socket } from 'node:net'
import helmet from 'helmet'
import type { Middleware } from 'koa'

/** An answer may load nothing and be embedded nowhere. A page adds the sources it needs. */
export const contentSecurityPolicy = (needed: readonly string[] = []): string =>
  [
    "default-src 'none'",
    ...needed,
    "base-uri 'none'",
    "form-action 'none'",
    "frame-ancestors 'none'",
  ].join('; ')

export type Headers = readonly (readonly [name: string, value: string])[]

/** The headers of every answer, failures included. */
export const commonHeaders = (corsOrigin: string | undefined): Headers =>
  Object.entries({
    ...securityHeaders(),
    'Content-Security-Policy': contentSecurityPolicy(),
    ...(corsOrigin === undefined ? {} : corsHeaders(corsOrigin)),
  })

export const setHeaders =
  (headers: Headers): Middleware =>
  (ctx, next) => {
    for (const [name, value] of headers) ctx.res.setHeader(name, value)
    return next()
  }

/** Helmet sets the same headers on every answer, so it runs only once. */
function securityHeaders(): Record<string, string> {
  const request = new IncomingMessage(new Socket())
  const response = new ServerResponse(request)
  helmet({ contentSecurityPolicy: false })(request, response, () => {})
  const headers = Object.entries(response.getHeaders())
  return Object.fromEntries(headers.map(([name, value]) => [name, String(value)]))
}

const corsHeaders = (origin: string): Record<string, string> => ({
  'Access-Control-Allow-Origin': origin,
  'Access-Control-Expose-Headers': 'ETag, Retry-After',
  ...(origin === '*' ? {} : { Vary: 'Origin' }),
})

/** The answer to the preflight request of a browser. */
export const preflightHeaders = {
  'Access-Control-Allow-Methods': 'GET, HEAD',
  'Access-Control-Allow-Headers': 'If-None-Match',
  'Access-Control-Max-Age': '86400',
} as const
