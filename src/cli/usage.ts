export const usage = `tradelog: every trade kept, every read model rebuilt at will, every number proved.

usage: tradelog COMMAND [--config FILE] [options]

  start                 feed, ingest, projectors and API in one process
  ingest                feed -> event store
  project [--model M …] event store -> read models
  api                   read models -> HTTP
  feed                  a server of Finnhub's protocol: simulated, or --file F [--speed 1|N|max]
  replay [--model M …]  rebuild read models from the log while the API keeps serving
         [--dry-run | --rollback] [--json]
                        exit 0 done, 1 failed or stopped (run it again to continue), 2 refused
  verify [--model M …]  compare read models with an independent fold of the log
         [--generation G] [--json]
                        exit 0 equal, 1 different, 2 could not check
  skip M:PARTITION:OFFSET … --why TEXT
                        skip an event that a read model can't apply
         [--list | --undo] [--json]
  copy --to FILE.yaml   copy the log into another log or a file (.ndjson, .ndjson.gz, -), and back
       [--from FILE] [--json]
  rejects [--limit N]   what ingest rejected, and why; the latest 50 unless N is given
         [--reason R] [--json]
  rejects --replay      bring back what is a trade by today's rules and clock; stop ingest first
         [--reason R] [--json]
                        exit 0 done, 1 failed or stopped (run it again to continue), 2 refused
  watch [--api URL]     show a running API on this terminal: prices, read models, replays

Settings: config/default.yaml lists them all; --config FILE is merged over it, then the
environment: TRADELOG_ and the path in capitals (TRADELOG_API_PORT=9000).
`
