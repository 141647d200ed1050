type LinesOptions = Readonly<{
  /** A longer line throws an error with the message `tooLong`. */
  charactersMax: number
  tooLong: string
  /** Gets a last line without an end, as read so far; without this it counts as a line. */
  onRest?: (rest: string) => void
}>

/**
 * The lines of a UTF-8 text, without their ends, chunk by chunk: only one chunk is in memory.
 * Throws if the chunks can't be read or aren't UTF-8.
 */
export async function* linesOf(
  chunks: AsyncIterable<Buffer>,
  { charactersMax, tooLong, onRest }: LinesOptions,
): AsyncGenerator<readonly string[]> {
  const decoder = new TextDecoder('utf-8', { fatal: true })
  let rest = ''
  for await (const chunk of chunks) {
    const lines = (rest + decoder.decode(chunk, { stream: true })).split('\n')
    rest = lines.pop() ?? ''
    if (lines.length > 0) yield lines
    if (rest.length > charactersMax) throw new Error(tooLong)
  }
  // A line that is cut may end inside a character.
  if (onRest === undefined) rest += decoder.decode()
  if (rest === '') return
  if (onRest === undefined) yield [rest]
  else onRest(rest)
}
