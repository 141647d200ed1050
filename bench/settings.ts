import { type Config, loadConfig } from '../src/runtime/config/config.ts'
import { type Settings, settingsEnvironment } from '../test/support/tradelog.ts'
import type { Given } from './part.ts'
import { partitions } from './trades.ts'

/** Settings as a user would give them, by their variables without `TRADELOG_`. */
export const configOf = ({ scratch, batchEventsMax }: Given, settings: Settings): Config =>
  loadConfig({
    environment: settingsEnvironment({
      DATA_DIRECTORY: scratch,
      PARTITIONS: String(partitions),
      PROJECTION__BATCH_EVENTS_MAX: String(batchEventsMax),
      LOG__LEVEL: 'error',
      ...settings,
    }),
  }).config
