const tradesMax = 100
/** Three times as many bytes at most: less than ingest takes as one message. */
const charactersMax = 256 * 1024

type FrameCutter = Readonly<{
  /** Adds a trade to the next frame. If that is full, returns it first: it has to be sent. */
  add: (entry: string) => string | undefined
  /** The frame of the trades that haven't been in one; undefined if there are none. */
  cut: () => string | undefined
}>

/** Makes frames of entries, none too large. An entry that is too large is alone in its frame. */
export function createFrameCutter(hash: string): FrameCutter {
  let entries: string[] = []
  let characters = 0

  const cut = () => {
    if (entries.length === 0) return undefined
    const frame = frameOf(entries, hash)
    entries = []
    characters = 0
    return frame
  }
  const add = (entry: string) => {
    const isFull = entries.length >= tradesMax || characters + entry.length > charactersMax
    const full = isFull ? cut() : undefined
    entries.push(entry)
    characters += entry.length
    return full
  }
  return { add, cut }
}

/** Each frame names the file that its trades are of. */
export const frameOf = (entries: readonly string[], hash: string): string =>
  `{"data":[${entries.join(',')}],"type":"trade","file":"${hash}"}`

/** Says that the last trade of the file has been sent. */
export const endFrame = (hash: string): string => JSON.stringify({ type: 'end', file: hash })
