package peers;

import com.sun.management.OperatingSystemMXBean;
import java.lang.management.ManagementFactory;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.atomic.AtomicLong;

/** Runs from the first event processed to the last, over all stream threads. */
final class Clock {
  private static final OperatingSystemMXBean PROCESS =
      (OperatingSystemMXBean) ManagementFactory.getOperatingSystemMXBean();

  private final long total;
  private final AtomicLong processed = new AtomicLong();
  private final CountDownLatch finished = new CountDownLatch(1);
  private volatile long firstNanos, lastNanos, firstCpuNanos, lastCpuNanos;

  Clock(long total) {
    this.total = total;
  }

  void count() {
    long number = processed.incrementAndGet();
    if (number == 1) {
      firstCpuNanos = PROCESS.getProcessCpuTime();
      firstNanos = System.nanoTime();
    }
    if (number == total) {
      lastNanos = System.nanoTime();
      lastCpuNanos = PROCESS.getProcessCpuTime();
      finished.countDown();
    }
  }

  void await() throws InterruptedException {
    finished.await();
  }

  double seconds() {
    return (lastNanos - firstNanos) / 1e9;
  }

  double cpuSeconds() {
    return (lastCpuNanos - firstCpuNanos) / 1e9;
  }

  double secondsUntilNow() {
    return (System.nanoTime() - firstNanos) / 1e9;
  }
}
