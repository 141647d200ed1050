export const usage = `usage: npm run bench -- [PART …] [options]

  append project replay pages live memory
  kafka peers           with KAFKA_BROKERS set
  mongodb               with MONGODB_URL set
  baseline kills        with both
                        without a PART: everything that can be measured here, some 30 minutes

  --events N            other lengths than usual
  --repetitions N       another number than 3
  --batch-events N      batches of another size than 2000 events
  --json FILE           write the report; what the file has of other parts stays in it
  --markdown FILE       write that report for people; it is printed in any case
  --help                print this
`
