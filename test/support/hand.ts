import { join } from 'node:path'
import { MongoClient } from 'mongodb'
import type { Row } from '../../src/read-model-store/read-model-store.ts'
import { openLmdb } from '../../src/runtime/lmdb.ts'
import type { Settings } from './tradelog.ts'

/** Changes rows of one generation as by hand in a shell, past every process. */
export type Hand = Readonly<{
  /** Changes the row that has this key. */
  change: (key: string, change: (row: Row) => Row) => Promise<void>
  remove: (key: string) => Promise<void>
  /** Adds a copy of a row under another key. */
  copy: (key: string, to: string) => Promise<void>
}>

type HandOptions = Readonly<{
  settings: Settings
  generation: string
  kind: 'series' | 'state'
}>

/** In the store that the settings name. */
export const withHand = (options: HandOptions, work: (hand: Hand) => Promise<void>) =>
  options.settings.READ_MODEL_STORE === 'mongodb'
    ? inMongodb(options, work)
    : inEmbeddedStore(options, work)

async function inMongodb(
  { settings, generation }: HandOptions,
  work: (hand: Hand) => Promise<void>,
) {
  const client = await MongoClient.connect(settings.MONGODB__URL ?? '')
  const db = client.db(settings.MONGODB__DATABASE_NAME)
  const rows = db.collection<Row & { _id: string }>(generation)
  const found = async (_id: string) => {
    const row = await rows.findOne({ _id })
    if (row === null) throw new Error(`no row ${_id} in ${generation}`)
    return row
  }
  try {
    await work({
      change: async (_id, change) => {
        await rows.replaceOne({ _id }, change(await found(_id)))
      },
      remove: async (_id) => {
        await rows.deleteOne({ _id: (await found(_id))._id })
      },
      copy: async (_id, to) => {
        await rows.insertOne({ ...(await found(_id)), _id: to })
      },
    })
  } finally {
    await client.close()
  }
}

/** The stored value of a state row comes after its guard and count. */
type Stored = Row | readonly [guard: string, count: number, row: Row]

async function inEmbeddedStore(
  { settings, generation, kind }: HandOptions,
  work: (hand: Hand) => Promise<void>,
) {
  const directory = join(settings.DATA_DIRECTORY ?? '', 'read-models', generation)
  const environment = openLmdb(directory, { maxDbs: 2 })
  const rows = environment.openDB<Stored, string>(
    kind === 'state'
      ? { name: 'rows' }
      : { name: 'rows', encoding: 'msgpack', sharedStructuresKey: Symbol.for('fields') },
  )
  const found = (key: string): Stored => {
    const stored = rows.get(key)
    if (stored === undefined) throw new Error(`no row ${key} in ${generation}`)
    return stored
  }
  const changed = (stored: Stored, change: (row: Row) => Row): Stored =>
    Array.isArray(stored) ? [stored[0], stored[1], change(stored[2])] : change(stored as Row)
  try {
    await work({
      change: async (key, change) => {
        await rows.put(key, changed(found(key), change))
      },
      remove: async (key) => {
        found(key)
        await rows.remove(key)
      },
      copy: async (key, to) => {
        await rows.put(to, found(key))
      },
    })
  } finally {
    await environment.close()
  }
}
