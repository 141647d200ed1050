import { type IncomingMessage, request } from 'node:http'

type StreamEvent = Readonly<{
  event: string
  // biome-ignore lint/suspicious/noExplicitAny: parsed data of an event.
  data: any
  at: number
}>

export type EventStream = Readonly<{
  response: IncomingMessage
  events: StreamEvent[]
  /** Of one type. */
  of: (event: string) => StreamEvent['data'][]
  comments: string[]
  ids: string[]
  hasEnded: () => boolean
  close: () => void
}>

type Options = Readonly<{ port: number; path?: string; headers?: Record<string, string> }>

/** Reads server-sent events as they come; the answer must be such a stream. */
export const openEventStream = ({
  port,
  path = '/api/v1/stream',
  headers = {},
}: Options): Promise<EventStream> =>
  new Promise((resolve, reject) => {
    const sent = request({ port, path, headers, agent: false }, (response) => {
      if (response.statusCode !== 200) return reject(new Error(`status ${response.statusCode}`))
      resolve(readEvents(response))
    })
    sent.on('error', reject)
    sent.end()
  })

function readEvents(response: IncomingMessage): EventStream {
  const events: StreamEvent[] = []
  const comments: string[] = []
  const ids: string[] = []
  let rest = ''
  let ended = false
  response.setEncoding('utf8')
  response.on('data', (chunk: string) => {
    const blocks = (rest + chunk).split('\n\n')
    rest = blocks.pop() ?? ''
    for (const block of blocks) {
      const fields = new Map(block.split('\n').map(fieldOf))
      const [comment, id, data] = ['', 'id', 'data'].map((name) => fields.get(name))
      if (comment !== undefined) comments.push(comment)
      if (id !== undefined) ids.push(id)
      if (data === undefined) continue
      const event = fields.get('event') ?? 'message'
      events.push({ event, data: JSON.parse(data), at: performance.now() })
    }
  })
  const end = () => {
    ended = true
  }
  response.once('end', end)
  response.once('error', end)
  return {
    response,
    events,
    of: (event) => events.filter((one) => one.event === event).map(({ data }) => data),
    comments,
    ids,
    hasEnded: () => ended,
    close: () => response.destroy(),
  }
}

function fieldOf(line: string): readonly [string, string] {
  const colon = line.indexOf(':')
  return [line.slice(0, colon), line.slice(colon + 1).trimStart()]
}
