import { TradelogError } from '../../domain/errors.ts'
import { watchApi } from '../../watch/client.ts'
import { screen } from '../../watch/screen.ts'
import { type WatchState, watchState } from '../../watch/state.ts'
import { type Command, exitCodes } from '../command.ts'

const drawEveryMs = 100

export const watch: Command = {
  options: { api: { type: 'string' } },
  run: async ({ config, flags, life, signal }) => {
    const api = addressOf(flags.api ?? `http://127.0.0.1:${config.apiPort}`)
    const { stdin, stdout } = process
    if (!stdin.isTTY || !stdout.isTTY) throw refused('watch needs a terminal')
    const quitting = new AbortController()
    const quit = () => quitting.abort()
    signal.addEventListener('abort', quit)
    const state = watchState(api)
    life.own(openTerminal({ onKey: (key) => quitKeys.includes(key) && quit() }))
    const drawing = life.own(keepDrawn(state.now))
    await watchApi({ api, signal: quitting.signal, onEvent: state.take })
    drawing.close()
    return exitCodes.ok
  },
}

/** Ctrl-C comes as a key, since the terminal is in raw mode. */
const quitKeys: readonly string[] = ['q', 'Q', '\u0003']

function addressOf(text: unknown): string {
  const url = URL.canParse(String(text)) ? new URL(String(text)) : undefined
  if (url === undefined || !/^https?:$/.test(url.protocol)) {
    throw refused('--api must be an address such as http://localhost:8000')
  }
  return url.origin + url.pathname.replace(/\/$/, '')
}

const refused = (message: string): TradelogError => new TradelogError('CONFIG_INVALID', message)

/** Uses the terminal's second screen, so that quitting restores the first. */
function openTerminal({ onKey }: { onKey: (key: string) => void }) {
  const { stdin, stdout } = process
  const onData = (data: Buffer) => onKey(data.toString())
  stdin.setRawMode(true)
  stdin.on('data', onData)
  stdout.write('\u001b[?1049h\u001b[?25l')
  const restore = () => stdout.write('\u001b[?25h\u001b[?1049l')
  process.once('exit', restore)
  return {
    close: () => {
      process.off('exit', restore)
      restore()
      stdin.off('data', onData)
      stdin.setRawMode(false)
      stdin.pause()
    },
  }
}

/** Draws the screen when it has changed, and when the terminal was resized. */
function keepDrawn(now: () => WatchState) {
  const { stdout } = process
  let drawn = ''
  const draw = () => {
    const { columns, rows } = stdout
    const text = screen(now(), { columns, rows }).join('\u001b[K\r\n')
    if (text === drawn) return
    drawn = text
    stdout.write(`\u001b[H${text}\u001b[K\u001b[J`)
  }
  const redraw = () => {
    drawn = ''
    draw()
  }
  const timer = setInterval(draw, drawEveryMs)
  stdout.on('resize', redraw)
  draw()
  return {
    close: () => {
      clearInterval(timer)
      stdout.off('resize', redraw)
    },
  }
}
