import { type RawData, WebSocket } from 'ws'

export type Listeners = Readonly<{
  opened: (socket: WebSocket) => void
  heard: (message: Buffer) => void
  /** The feed has pinged. */
  pinged: () => void
  /** To a ping of ours: what we sent with it. */
  answered: (text: string) => void
  /** A message was too large to be received: the connection is lost with it. */
  oversized: () => void
}>

const connectMsMax = 10_000
/** Far above what is parsed, so that a message too large for that is received, judged, and gone. */
const receivedBytesMax = 16 * 1024 * 1024

/** One connection; `ended` gives the reason of its end. */
export function connectTo(url: string, listeners: Listeners) {
  const { opened, heard, pinged, answered, oversized } = listeners
  const socket = new WebSocket(url, socketOptions)
  const ended = new Promise<string>((resolve) => {
    let fault: string | undefined
    socket.on('open', () => opened(socket))
    socket.on('message', (message) => heard(toBuffer(message)))
    socket.on('ping', pinged)
    socket.on('pong', (text) => answered(String(text)))
    socket.on('error', (error) => {
      if (isOversized(error)) oversized()
      fault = error.message
    })
    socket.on('close', (code) => resolve(fault ?? `closed with code ${code}`))
  })
  return { socket, ended }
}

/** Text that isn't UTF-8 is a message to reject, and no reason to lose the connection. */
const socketOptions = {
  handshakeTimeout: connectMsMax,
  maxPayload: receivedBytesMax,
  skipUTF8Validation: true,
}

const isOversized = (error: Error): boolean =>
  'code' in error && error.code === 'WS_ERR_UNSUPPORTED_MESSAGE_LENGTH'

function toBuffer(message: RawData): Buffer {
  if (Buffer.isBuffer(message)) return message
  return Array.isArray(message) ? Buffer.concat(message) : Buffer.from(message)
}
