import { type ErrorCode, TradelogError } from '../../domain/errors.ts'

/** What kafkajs' error types and names mean to an operator. */
const meanings: Readonly<Record<string, ErrorCode>> = {
  MESSAGE_TOO_LARGE: 'EVENT_TOO_LARGE',
  RECORD_LIST_TOO_LARGE: 'EVENT_TOO_LARGE',
  OFFSET_OUT_OF_RANGE: 'LOG_TRUNCATED',
  KafkaJSNotImplemented: 'EVENT_UNREADABLE',
  KafkaJSSASLAuthenticationError: 'EVENT_STORE_REFUSED',
  SASL_AUTHENTICATION_FAILED: 'EVENT_STORE_REFUSED',
  UNSUPPORTED_SASL_MECHANISM: 'EVENT_STORE_REFUSED',
  TOPIC_AUTHORIZATION_FAILED: 'EVENT_STORE_REFUSED',
  GROUP_AUTHORIZATION_FAILED: 'EVENT_STORE_REFUSED',
  CLUSTER_AUTHORIZATION_FAILED: 'EVENT_STORE_REFUSED',
  INVALID_TOPIC_EXCEPTION: 'EVENT_STORE_REFUSED',
  INVALID_REPLICATION_FACTOR: 'EVENT_STORE_REFUSED',
  INVALID_PARTITIONS: 'EVENT_STORE_REFUSED',
  INVALID_CONFIG: 'EVENT_STORE_REFUSED',
  POLICY_VIOLATION: 'EVENT_STORE_REFUSED',
  INVALID_SESSION_TIMEOUT: 'EVENT_STORE_REFUSED',
  INCONSISTENT_GROUP_PROTOCOL: 'EVENT_STORE_REFUSED',
  UNSUPPORTED_VERSION: 'EVENT_STORE_REFUSED',
}

/** Any error of kafkajs as one of ours; retriable unless it is known to be permanent. */
export function storeError(error: unknown): TradelogError {
  if (error instanceof TradelogError) return error
  const marks = marksOf(error)
  const mark = marks.find((mark) => meanings[mark] !== undefined)
  const code = mark === undefined ? undefined : meanings[mark]
  return new TradelogError(code ?? 'EVENT_STORE_UNAVAILABLE', `Kafka: ${messageOf(error)}`, {
    cause: error,
  })
}

/** Types, names and codes of an error and of its causes, outermost first. */
export function marksOf(error: unknown): readonly string[] {
  const marks: string[] = []
  for (let at = error; at instanceof Error && marks.length < marksMax; at = at.cause) {
    const { type, code, name } = at as Error & { type?: unknown; code?: unknown }
    for (const mark of [type, code, name]) if (typeof mark === 'string') marks.push(mark)
  }
  return marks
}

export const closedError = (): TradelogError =>
  new TradelogError('EVENT_STORE_CLOSED', 'the event store is closed')

export const refused = (message: string, fields: Readonly<Record<string, unknown>> = {}) =>
  new TradelogError('EVENT_STORE_REFUSED', message, { fields })

/** A chain of causes may be circular. */
const marksMax = 30

const messageOf = (error: unknown): string => (error instanceof Error ? error.message : `${error}`)
