import type { ErrorCode } from '../../domain/errors.ts'
import { statusOf } from '../http/envelope.ts'
import { parameters } from '../http/query.ts'
import { type Route, refusals, type StreamRoute } from '../http/route.ts'
import { isoTime, list, object, oneOf, type Parameter, type Schema, text } from '../http/schema.ts'
import { symbolSchema } from '../http/symbol.ts'
import type { Page } from './page.ts'

export type Response = Readonly<{
  description: string
  content?: Readonly<Record<string, Readonly<{ schema: Schema }>>>
}>

export type Operation = Readonly<{
  operationId: string
  summary: string
  parameters: readonly Parameter[]
  responses: Readonly<Record<string, Response>>
}>

export type OpenApiDocument = Readonly<{
  openapi: '3.1.0'
  info: Readonly<{ title: string; version: string; description: string }>
  paths: Readonly<Record<string, Readonly<{ get: Operation }>>>
  components: Readonly<{ schemas: Readonly<Record<string, Schema>> }>
}>

/** The API's description, made of the schemas with which routes check requests and of answers. */
export const openApiDocument = (
  routes: readonly Route[],
  stream: StreamRoute,
): OpenApiDocument => ({
  openapi: '3.1.0',
  info: {
    title: 'tradelog',
    version: '1',
    description:
      'Read models of an event-sourced trade log. Every answer has the same envelope. Prices and ' +
      'volumes are exact decimal text, never rounded to a float.',
  },
  paths: {
    ...Object.fromEntries(routes.map((route) => [pathOf(route), { get: operation(route) }])),
    [stream.path]: { get: streamOperation(stream) },
  },
  components: { schemas: { Failure: failureSchema() } },
})

export const openApiPage = (document: OpenApiDocument): Page => ({
  path: '/openapi.json',
  headers: { 'Content-Type': 'application/json; charset=utf-8' },
  body: () => JSON.stringify(document, null, 2),
})

const pathOf = ({ path, takesSymbol }: Route): string => (takesSymbol ? `${path}/{symbol}` : path)

const operation = (route: Route): Operation => ({
  operationId: idOf(pathOf(route)),
  summary: route.summary,
  parameters: parametersOf(route),
  responses: {
    200: { description: 'The answer', content: json(successSchema(route.answer)) },
    304: { description: 'Nothing has changed since the ETag given in If-None-Match' },
    ...failureResponses([...inputFailures(route), ...route.failures]),
  },
})

const streamOperation = ({
  path,
  summary,
  parameters,
  events,
  failures,
}: StreamRoute): Operation => ({
  operationId: idOf(path),
  summary,
  parameters,
  responses: {
    200: {
      description: 'Server-sent events, each of one of these types',
      content: { 'text/event-stream': { schema: object(events) } },
    },
    ...failureResponses([...failures, 'METHOD_NOT_ALLOWED']),
  },
})

const idOf = (path: string): string => path.replaceAll(/[^a-z]+/g, '_').replaceAll(/^_|_$/g, '')

function parametersOf(route: Route): Parameter[] {
  const query = route.parameters.map((name) => {
    const { schema } = parameters[name]
    return { name, in: 'query' as const, required: false, schema }
  })
  if (!route.takesSymbol) return query
  return [{ name: 'symbol', in: 'path', required: true, schema: symbolSchema }, ...query]
}

const inputFailures = (route: Route): ErrorCode[] => [
  ...(route.takesSymbol ? ['INVALID_SYMBOL' as const] : []),
  ...route.parameters.map((name) => parameters[name].code),
  'INVALID_QUERY',
  'METHOD_NOT_ALLOWED',
  ...refusals,
]

function failureResponses(codes: readonly ErrorCode[]): Record<string, Response> {
  const statuses = [...new Set(codes.map(statusOf))]
  return Object.fromEntries(
    statuses.map((status) => {
      const own = codes.filter((code) => statusOf(code) === status)
      return [status, { description: own.join(', '), content: json(failureSchema(own)) }]
    }),
  )
}

const json = (schema: Schema) => ({ 'application/json': { schema } })

const nothing: Schema = { type: 'null' }

const successSchema = (data: Schema): Schema => object({ data, error: nothing, message: nothing })

const failureSchema = (codes?: readonly ErrorCode[]): Schema =>
  object({
    data: nothing,
    error: {
      type: 'object',
      properties: {
        code: codes === undefined ? text('Stable error code') : oneOf(codes, 'Stable error code'),
        reasons: list(reason, 'Everything that is wrong, by part'),
      },
      required: ['code'],
      additionalProperties: false,
    },
    message: text('What is wrong, in words for people'),
  })

const reason: Schema = {
  type: 'object',
  properties: {
    part: text('A parameter, or a part of the service'),
    message: text('What is wrong with it'),
    since: isoTime('When it began'),
  },
  required: ['part', 'message'],
  additionalProperties: false,
}
