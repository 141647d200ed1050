/** The part of JSON Schema that describes requests and answers. */
export type Schema = Readonly<{
  type?: string | readonly string[]
  description?: string
  format?: string
  pattern?: string
  enum?: readonly unknown[]
  const?: unknown
  default?: unknown
  minimum?: number
  maximum?: number
  minLength?: number
  maxLength?: number
  items?: Schema
  properties?: Readonly<Record<string, Schema>>
  required?: readonly string[]
  additionalProperties?: boolean
  $ref?: string
}>

/** A parameter of a request, in the form that the OpenAPI document needs. */
export type Parameter = Readonly<{
  name: string
  in: 'path' | 'query' | 'header'
  required: boolean
  schema: Schema
}>

/** Every property is required, and no other allowed: an answer has one shape. */
export const object = (properties: Record<string, Schema>, description?: string): Schema => ({
  type: 'object',
  ...(description === undefined ? {} : { description }),
  properties,
  required: Object.keys(properties),
  additionalProperties: false,
})

export const list = (items: Schema, description?: string): Schema => ({
  type: 'array',
  ...(description === undefined ? {} : { description }),
  items,
})

export const nullable = (schema: Schema): Schema => ({
  ...schema,
  type: [...[schema.type ?? []].flat(), 'null'],
  ...(schema.enum === undefined ? {} : { enum: [...schema.enum, null] }),
})

export const text = (description: string): Schema => ({ type: 'string', description })

export const oneOf = (values: readonly string[], description: string): Schema => ({
  type: 'string',
  enum: values,
  description,
})

export const boolean = (description: string): Schema => ({ type: 'boolean', description })

export const count = (description: string): Schema => ({ type: 'integer', minimum: 0, description })

export const decimal = (description: string): Schema => ({
  type: 'string',
  pattern: '^-?(0|[1-9][0-9]*)(\\.[0-9]+)?$',
  description: `${description}, exact decimal text`,
})

export const isoTime = (description: string): Schema => ({
  type: 'string',
  format: 'date-time',
  pattern: '^[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}\\.[0-9]{3}Z$',
  description: `${description}, ISO 8601 with milliseconds, UTC`,
})

export const nextCursor = object({
  next_cursor: nullable(text('For `before`, to get the next page; null on the last one')),
})
