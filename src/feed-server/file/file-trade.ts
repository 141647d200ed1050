/** One trade of a file, ready to be sent. */
export type FileTrade = Readonly<{
  /** Null if a recorded frame holds something else: ingest rejects that, not this reader. */
  symbol: string | null
  executedAt: number | null
  line: number
  /** What the file calls the fields of the entry. */
  names: FieldNames
  /**
   * The entry of a Finnhub frame: numbers as the file has them, its `row`, counted from 1, and the
   * line that it stands in.
   */
  entry: string
}>

export type FieldNames = Readonly<Record<'s' | 'p' | 'v' | 't' | 'c', string>>

/** Of the first trade in a line. */
export type Place = Readonly<{ row: number; line: number }>
