import kafkajs from 'kafkajs'
import { type Collection, type Db, MongoClient } from 'mongodb'

/**
 * What a team would write today for this job, following the guides of its parts: `eachMessage`,
 * trades inserted in batches, counters by `$inc`, offsets committed automatically. Tuned for speed:
 * see README.md here.
 */
type BaselineOptions = Readonly<{
  brokers: readonly string[]
  topic: string
  groupId: string
  mongodbUrl: string
  databaseName: string
  onMessage?: () => void
}>

type TradeDocument = {
  symbol: string
  price: number
  volume: number
  executedAt: number
  partition: number
  offset: number
}
export type SymbolDocument = { _id: string; tradeCount: number; lastTradeAt: number }
export type CandleDocument = {
  _id: string
  open: number
  high: number
  low: number
  close: number
  volume: number
  notional: number
  tradeCount: number
}
type WindowDocument = { _id: string; trades: { price: number; volume: number }[] }

const minuteMs = 60_000
const windowTrades = 50
const insertTradesMax = 500
const insertAfterMs = 100
const upsert = { upsert: true }

/** Consumes until it is stopped. */
export async function startBaseline(options: BaselineOptions) {
  const { brokers, topic, groupId, mongodbUrl, databaseName, onMessage = () => {} } = options
  const client = await MongoClient.connect(mongodbUrl)
  const database = client.db(databaseName)
  const trades = tradeInserter(database.collection<TradeDocument>('trades'))
  const update = counters(database)
  const kafka = new kafkajs.Kafka({
    brokers: [...brokers],
    clientId: 'baseline',
    logLevel: kafkajs.logLevel.NOTHING,
    connectionTimeout: 10_000,
  })
  const consumer = kafka.consumer({ groupId, sessionTimeout: 6_000, heartbeatInterval: 1_000 })
  await consumer.connect()
  await consumer.subscribe({ topic, fromBeginning: true })
  await consumer.run({
    partitionsConsumedConcurrently: 6,
    autoCommitInterval: 1_000,
    autoCommitThreshold: 100,
    eachMessage: async ({ partition, message }) => {
      const { symbol, price, volume, executedAt } = JSON.parse(String(message.value))
      const trade = { symbol, price: Number(price), volume: Number(volume), executedAt }
      await Promise.all([
        trades.add({ ...trade, partition, offset: Number(message.offset) }),
        update(trade),
      ])
      onMessage()
    },
  })
  return {
    stop: async () => {
      await consumer.disconnect()
      await trades.flush()
      await client.close()
    },
  }
}

/** Waits only if a whole batch has been collected. */
function tradeInserter(collection: Collection<TradeDocument>) {
  let waiting: TradeDocument[] = []
  const flush = async () => {
    const lot = waiting
    waiting = []
    if (lot.length > 0) await collection.insertMany(lot, { ordered: false })
  }
  const add = async (trade: TradeDocument) => {
    if (waiting.length === 0) setTimeout(flush, insertAfterMs)
    waiting.push(trade)
    if (waiting.length >= insertTradesMax) await flush()
  }
  return { add, flush }
}

type Trade = Pick<TradeDocument, 'symbol' | 'price' | 'volume' | 'executedAt'>

function counters(database: Db) {
  const symbols = database.collection<SymbolDocument>('symbols')
  const candles = database.collection<CandleDocument>('candles')
  const windows = database.collection<WindowDocument>('vwap')
  return ({ symbol, price, volume, executedAt }: Trade) =>
    Promise.all([
      symbols.updateOne(
        { _id: symbol },
        { $inc: { tradeCount: 1 }, $max: { lastTradeAt: executedAt } },
        upsert,
      ),
      candles.updateOne(
        { _id: candleId(symbol, executedAt) },
        {
          $inc: { volume, notional: price * volume, tradeCount: 1 },
          $max: { high: price },
          $min: { low: price },
          $set: { close: price },
          $setOnInsert: { open: price },
        },
        upsert,
      ),
      windows.updateOne(
        { _id: symbol },
        { $push: { trades: { $each: [{ price, volume }], $slice: -windowTrades } } },
        upsert,
      ),
    ])
}

export const candleId = (symbol: string, executedAt: number): string =>
  `${symbol} ${executedAt - (executedAt % minuteMs)}`
