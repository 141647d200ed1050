package peers;

import java.nio.ByteBuffer;
import java.nio.charset.StandardCharsets;
import java.util.List;
import org.apache.kafka.common.serialization.Serdes;
import org.apache.kafka.common.utils.Bytes;
import org.apache.kafka.streams.Topology;
import org.apache.kafka.streams.processor.api.Processor;
import org.apache.kafka.streams.processor.api.ProcessorContext;
import org.apache.kafka.streams.processor.api.Record;
import org.apache.kafka.streams.processor.api.RecordMetadata;
import org.apache.kafka.streams.state.KeyValueStore;
import org.apache.kafka.streams.state.StoreBuilder;
import org.apache.kafka.streams.state.Stores;

/**
 * Trades, symbols, candles of a minute and the VWAP of the last 50 trades, each in a RocksDB store
 * with its changelog. Values are packed by hand: cheaper than any serializer.
 */
final class ReadModels implements Processor<String, byte[], Void, Void> {
  static final String TRADES = "trades", SYMBOLS = "symbols", CANDLES = "candles", VWAP = "vwap";
  static final int WINDOW = 50;
  /** Offsets in a candle; open, high, low and close stand before. */
  static final int CANDLE_VOLUME = 32;
  /** Offsets in a window; its trades stand behind, price and volume of each. */
  static final int WINDOW_SEEN = 0, WINDOW_NOTIONAL = 8, WINDOW_VOLUME = 16, WINDOW_TRADES = 24;

  private static final int CANDLE_COUNT = 40, CANDLE_BYTES = 48;
  private static final int WINDOW_BYTES = WINDOW_TRADES + WINDOW * 16;
  private static final long MINUTE_MS = 60_000;

  private final Clock clock;
  private ProcessorContext<Void, Void> context;
  private KeyValueStore<Bytes, byte[]> trades, symbols, candles, vwap;

  private ReadModels(Clock clock) {
    this.clock = clock;
  }

  static Topology topology(String topic, Clock clock) {
    Topology topology = new Topology()
        .addSource("log", Serdes.String().deserializer(), Serdes.ByteArray().deserializer(), topic)
        .addProcessor("read-models", () -> new ReadModels(clock), "log");
    // A trade is written once and not read again: a cache would only be in its way.
    topology.addStateStore(store(TRADES).withCachingDisabled(), "read-models");
    for (String name : List.of(SYMBOLS, CANDLES, VWAP)) {
      topology.addStateStore(store(name).withCachingEnabled(), "read-models");
    }
    return topology;
  }

  private static StoreBuilder<KeyValueStore<Bytes, byte[]>> store(String name) {
    return Stores.keyValueStoreBuilder(Stores.persistentKeyValueStore(name), Serdes.Bytes(), Serdes.ByteArray());
  }

  @Override
  public void init(ProcessorContext<Void, Void> context) {
    this.context = context;
    trades = context.getStateStore(TRADES);
    symbols = context.getStateStore(SYMBOLS);
    candles = context.getStateStore(CANDLES);
    vwap = context.getStateStore(VWAP);
  }

  @Override
  public void process(Record<String, byte[]> event) {
    Trade trade = Trade.parse(event.value());
    RecordMetadata position = context.recordMetadata().orElseThrow();
    byte[] symbol = utf8(trade.symbol());
    double price = Double.parseDouble(trade.price());
    double volume = Double.parseDouble(trade.volume());
    putTrade(symbol, trade, position);
    putSymbol(symbol, trade.executedAt());
    putCandle(symbol, trade.executedAt(), price, volume);
    putWindow(symbol, price, volume);
    clock.count();
  }

  private void putTrade(byte[] symbol, Trade trade, RecordMetadata position) {
    byte[] key = ByteBuffer.allocate(symbol.length + 21)
        .put(symbol).put((byte) 0)
        .putLong(trade.executedAt()).putInt(position.partition()).putLong(position.offset())
        .array();
    String row = String.join("\n", trade.price(), trade.volume(), trade.conditions(), trade.source());
    trades.put(Bytes.wrap(key), utf8(row));
  }

  private void putSymbol(byte[] symbol, long executedAt) {
    Bytes key = Bytes.wrap(symbol);
    byte[] stored = symbols.get(key);
    ByteBuffer row = stored == null ? ByteBuffer.allocate(16) : ByteBuffer.wrap(stored.clone());
    row.putLong(0, row.getLong(0) + 1).putLong(8, Math.max(row.getLong(8), executedAt));
    symbols.put(key, row.array());
  }

  private void putCandle(byte[] symbol, long executedAt, double price, double volume) {
    long minute = executedAt - executedAt % MINUTE_MS;
    Bytes key = Bytes.wrap(
        ByteBuffer.allocate(symbol.length + 9).put(symbol).put((byte) 0).putLong(minute).array());
    byte[] stored = candles.get(key);
    ByteBuffer row = ByteBuffer.allocate(CANDLE_BYTES);
    if (stored == null) {
      row.putDouble(price).putDouble(price).putDouble(price).putDouble(price).putDouble(volume).putLong(1);
    } else {
      ByteBuffer was = ByteBuffer.wrap(stored);
      row.putDouble(was.getDouble(0))
          .putDouble(Math.max(was.getDouble(8), price))
          .putDouble(Math.min(was.getDouble(16), price))
          .putDouble(price)
          .putDouble(was.getDouble(CANDLE_VOLUME) + volume)
          .putLong(was.getLong(CANDLE_COUNT) + 1);
    }
    candles.put(key, row.array());
  }

  /** A ring, with the sums of what is in it. */
  private void putWindow(byte[] symbol, double price, double volume) {
    Bytes key = Bytes.wrap(symbol);
    byte[] stored = vwap.get(key);
    ByteBuffer row = stored == null ? ByteBuffer.allocate(WINDOW_BYTES) : ByteBuffer.wrap(stored.clone());
    long seen = row.getLong(WINDOW_SEEN);
    int at = WINDOW_TRADES + (int) (seen % WINDOW) * 16;
    double oldPrice = row.getDouble(at), oldVolume = row.getDouble(at + 8);
    row.putLong(WINDOW_SEEN, seen + 1)
        .putDouble(WINDOW_NOTIONAL, row.getDouble(WINDOW_NOTIONAL) + price * volume - oldPrice * oldVolume)
        .putDouble(WINDOW_VOLUME, row.getDouble(WINDOW_VOLUME) + volume - oldVolume)
        .putDouble(at, price).putDouble(at + 8, volume);
    vwap.put(key, row.array());
  }

  private static byte[] utf8(String text) {
    return text.getBytes(StandardCharsets.UTF_8);
  }
}
