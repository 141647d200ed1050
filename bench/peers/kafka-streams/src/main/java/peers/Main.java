package peers;

import java.nio.ByteBuffer;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.time.Duration;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Objects;
import java.util.Properties;
import java.util.TreeMap;
import java.util.stream.Collectors;
import org.apache.kafka.clients.admin.Admin;
import org.apache.kafka.clients.admin.ListConsumerGroupOffsetsOptions;
import org.apache.kafka.clients.consumer.ConsumerConfig;
import org.apache.kafka.clients.producer.ProducerConfig;
import org.apache.kafka.common.utils.Bytes;
import org.apache.kafka.streams.KafkaStreams;
import org.apache.kafka.streams.StoreQueryParameters;
import org.apache.kafka.streams.StreamsConfig;
import org.apache.kafka.streams.errors.StreamsUncaughtExceptionHandler.StreamThreadExceptionResponse;
import org.apache.kafka.streams.state.KeyValueIterator;
import org.apache.kafka.streams.state.QueryableStoreTypes;
import org.apache.kafka.streams.state.ReadOnlyKeyValueStore;

/**
 * {@code Main BROKERS TOPIC EVENTS COMMIT_MS FOLDER}: builds the read models of so many events from
 * nothing, exactly once, and prints one line of JSON: how long it took, and what the stores hold.
 * Changelogs are removed afterwards, the group expires by itself; the folder is the caller's.
 */
public final class Main {
  private record Given(String brokers, String topic, long events, String commitMs, Path folder) {}

  public static void main(String[] args) throws Exception {
    Given given = new Given(args[0], args[1], Long.parseLong(args[2]), args[3], Path.of(args[4]));
    String application = "peers-kafka-streams-" + System.currentTimeMillis();
    Clock clock = new Clock(given.events());
    KafkaStreams streams = new KafkaStreams(ReadModels.topology(given.topic(), clock), settings(given, application));
    streams.setUncaughtExceptionHandler(error -> {
      error.printStackTrace();
      Runtime.getRuntime().halt(1);
      return StreamThreadExceptionResponse.SHUTDOWN_CLIENT;
    });
    streams.start();
    clock.await();
    try (Admin admin = Admin.create(Map.of("bootstrap.servers", given.brokers()))) {
      awaitCommitted(admin, application, given.events());
      System.out.println(report(streams, clock, given.events(), clock.secondsUntilNow()));
      streams.close(Duration.ofSeconds(20));
      List<String> changelogs =
          admin.listTopics().names().get().stream().filter(name -> name.startsWith(application)).toList();
      admin.deleteTopics(changelogs).all().get();
    }
    System.exit(0);
  }

  /** Tuned for this job on two cores; what isn't named is as shipped. */
  private static Properties settings(Given given, String application) {
    Properties settings = new Properties();
    settings.put(StreamsConfig.APPLICATION_ID_CONFIG, application);
    settings.put(StreamsConfig.BOOTSTRAP_SERVERS_CONFIG, given.brokers());
    settings.put(StreamsConfig.STATE_DIR_CONFIG, given.folder().toString());
    settings.put(StreamsConfig.PROCESSING_GUARANTEE_CONFIG, StreamsConfig.EXACTLY_ONCE_V2);
    settings.put(StreamsConfig.COMMIT_INTERVAL_MS_CONFIG, given.commitMs());
    settings.put(StreamsConfig.NUM_STREAM_THREADS_CONFIG, "2");
    settings.put(StreamsConfig.STATESTORE_CACHE_MAX_BYTES_CONFIG, String.valueOf(64 << 20));
    settings.put(StreamsConfig.REPLICATION_FACTOR_CONFIG, "1");
    settings.put(StreamsConfig.consumerPrefix(ConsumerConfig.AUTO_OFFSET_RESET_CONFIG), "earliest");
    // A consumer asks a broker one thing at a time: an empty partition would keep it for half a second.
    settings.put(StreamsConfig.consumerPrefix(ConsumerConfig.FETCH_MAX_WAIT_MS_CONFIG), "5");
    settings.put(StreamsConfig.producerPrefix(ProducerConfig.BATCH_SIZE_CONFIG), String.valueOf(128 << 10));
    settings.put(StreamsConfig.producerPrefix(ProducerConfig.COMPRESSION_TYPE_CONFIG), "lz4");
    return settings;
  }

  private static void awaitCommitted(Admin admin, String group, long events) throws Exception {
    var stable = new ListConsumerGroupOffsetsOptions().requireStable(true);
    while (true) {
      long committed = admin.listConsumerGroupOffsets(group, stable).partitionsToOffsetAndMetadata().get()
          .values().stream().filter(Objects::nonNull).mapToLong(offset -> offset.offset()).sum();
      if (committed >= events) return;
      Thread.sleep(5);
    }
  }

  private static String report(KafkaStreams streams, Clock clock, long events, double committedSeconds) {
    long[] rows = {0, 0};
    double[] volume = {0};
    each(streams, ReadModels.TRADES, (key, row) -> rows[0]++);
    each(streams, ReadModels.CANDLES, (key, row) -> {
      rows[1]++;
      volume[0] += row.getDouble(ReadModels.CANDLE_VOLUME);
    });
    Map<String, String> vwaps = new TreeMap<>();
    each(streams, ReadModels.VWAP, (key, row) -> {
      double vwap = row.getDouble(ReadModels.WINDOW_NOTIONAL) / row.getDouble(ReadModels.WINDOW_VOLUME);
      vwaps.put(new String(key.get(), StandardCharsets.UTF_8), String.format(Locale.ROOT, "%.6f", vwap));
    });
    String vwapFields = vwaps.entrySet().stream()
        .map(entry -> String.format("\"%s\":%s", entry.getKey(), entry.getValue()))
        .collect(Collectors.joining(","));
    return String.format(
        Locale.ROOT,
        "{\"events\":%d,\"seconds\":%.4f,\"cpuSeconds\":%.4f,\"committedSeconds\":%.4f,"
            + "\"held\":{\"trades\":%d,\"minutes\":%d,\"volume\":%.2f,\"vwaps\":{%s}}}",
        events, clock.seconds(), clock.cpuSeconds(), committedSeconds, rows[0], rows[1], volume[0], vwapFields);
  }

  private interface Row {
    void take(Bytes key, ByteBuffer value);
  }

  private static void each(KafkaStreams streams, String store, Row row) {
    ReadOnlyKeyValueStore<Bytes, byte[]> rows =
        streams.store(StoreQueryParameters.fromNameAndType(store, QueryableStoreTypes.keyValueStore()));
    try (KeyValueIterator<Bytes, byte[]> entries = rows.all()) {
      entries.forEachRemaining(entry -> row.take(entry.key, ByteBuffer.wrap(entry.value)));
    }
  }
}
