import type { ParsedUrlQuery } from 'node:querystring'
import { Ajv, type ErrorObject } from 'ajv'
import type { ErrorCode } from '../../domain/errors.ts'
import { beforeFault, beforeRule } from './cursor.ts'
import { type Interval, intervals } from './intervals.ts'
import type { Schema } from './schema.ts'

export type Query = { limit: number; before?: string; interval: Interval; symbols?: string }
export type ParameterName = keyof Query

/** One thing wrong with a request. */
export type Fault = Readonly<{ code: ErrorCode; part: string; message: string }>

type CheckedParameter = Readonly<{
  code: ErrorCode
  rule: string
  /** Says more than the rule of a text that was meant well. */
  faultOf?: (text: string) => string | undefined
  schema: Schema
}>

export const limitMax = 1000

/** Every query parameter. Its schema both checks requests and documents the parameter. */
export const parameters: Readonly<Record<ParameterName, CheckedParameter>> = {
  limit: {
    code: 'INVALID_LIMIT',
    rule: `must be a whole number from 1 to ${limitMax}, in digits`,
    schema: {
      type: 'integer',
      minimum: 1,
      maximum: limitMax,
      default: 15,
      description: 'The maximum number of rows in a page',
    },
  },
  before: {
    code: 'INVALID_CURSOR',
    rule: beforeRule,
    faultOf: beforeFault,
    schema: {
      type: 'string',
      // A cursor has a letter in it.
      pattern: '^(?:[0-9]{12,15}|(?=[0-9_-]*[A-Za-z])[A-Za-z0-9_-]{1,512})$',
      description:
        'Where the page begins: the `next_cursor` of an answer (the rows after it), or Unix ' +
        'milliseconds in digits, from 946684800000 on (the rows strictly older)',
    },
  },
  interval: {
    code: 'INVALID_INTERVAL',
    rule: `must be one of ${intervals.join(', ')}`,
    schema: {
      type: 'string',
      enum: intervals,
      default: '1m',
      description: 'The length of a candle',
    },
  },
  symbols: {
    code: 'INVALID_SYMBOL',
    rule: 'must be one list of symbols, separated by commas',
    schema: {
      type: 'string',
      minLength: 1,
      description: 'Symbols as the feed names them, percent-encoded, separated by commas',
    },
  },
}

const faultsMax = 20
const ajv = new Ajv({ allErrors: true, useDefaults: true })

/**
 * Checks that a query has no other parameters than these, each at most once. Returns the values
 * with defaults, or undefined after adding to `faults` what is wrong.
 */
export function queryCheck<Name extends ParameterName>(
  names: readonly Name[],
): (query: ParsedUrlQuery, faults: Fault[]) => Pick<Query, Name> | undefined {
  const isValid = ajv.compile<Pick<Query, Name>>({
    type: 'object',
    properties: Object.fromEntries(names.map((name) => [name, parameters[name].schema])),
    additionalProperties: false,
  })
  return (query, faults) => {
    const values: unknown = withNumbers(query)
    if (isValid(values)) return values
    faults.push(...faultsOf(isValid.errors ?? [], query))
    return undefined
  }
}

/** A query holds only text: a limit becomes a number only if it is all digits. */
function withNumbers(query: ParsedUrlQuery): Record<string, unknown> {
  const values: Record<string, unknown> = { ...query }
  if (typeof query.limit === 'string' && /^[0-9]{1,15}$/.test(query.limit)) {
    values.limit = Number(query.limit)
  }
  return values
}

function faultsOf(errors: readonly ErrorObject[], query: ParsedUrlQuery): Fault[] {
  const faults = new Map<string, Fault>()
  const isUnknown = ({ keyword }: ErrorObject) => Number(keyword === 'additionalProperties')
  const knownFirst = errors.toSorted((a, b) => isUnknown(a) - isUnknown(b))
  for (const error of knownFirst.slice(0, faultsMax)) {
    const fault = faultOf(error, query)
    if (!faults.has(fault.part)) faults.set(fault.part, fault)
  }
  return [...faults.values()]
}

function faultOf({ keyword, instancePath, params }: ErrorObject, query: ParsedUrlQuery): Fault {
  if (keyword === 'additionalProperties') {
    const part = String(params.additionalProperty).slice(0, 64)
    return { code: 'INVALID_QUERY', part, message: 'is no parameter of this route' }
  }
  const part = instancePath.slice(1)
  const { code, rule, faultOf } = parameters[part as ParameterName]
  const given = query[part]
  return { code, part, message: (typeof given === 'string' && faultOf?.(given)) || rule }
}
