import { TradelogError } from '../../domain/errors.ts'
import type { Command } from '../command.ts'
import { serveFeed } from '../feed-source.ts'

export const feed: Command = {
  options: { file: { type: 'string' }, speed: { type: 'string' }, port: { type: 'string' } },
  environment: ({ file, speed, port }) => ({
    TRADELOG_FEED: file === undefined ? 'simulated' : 'file',
    ...(typeof file === 'string' ? { TRADELOG_FILE__PATH: file } : {}),
    ...(typeof speed === 'string' ? { TRADELOG_FILE__SPEED: speed } : {}),
    ...(typeof port === 'string' ? { TRADELOG_FEED_PORT: port } : {}),
  }),
  run: async (context) => {
    const { file, speed } = context.flags
    if (file === '') throw new TradelogError('CONFIG_INVALID', '--file must name a file of trades')
    if (speed !== undefined && file === undefined) {
      throw new TradelogError('CONFIG_INVALID', '--speed is only for a file: name it by --file')
    }
    const { url, symbols } = await serveFeed(context, context.config.apiHost)
    context.print(`feed: ${url}\nsubscribe to: ${symbols.join(' ')}\n`)
    return 'until stopped'
  },
}
