import type { Feeds, WatchState } from './state.ts'
import { fitted, type Style, styled, wrapped } from './text.ts'

type Feed = Feeds['data'][number]

const indent = '  '

/** A line for each feed, in full: what to do stands at its end. */
export function feedLines({ connection, feeds }: WatchState, columns: number): string[] {
  if (connection.state !== 'live' || feeds === undefined) return []
  return signsOf(feeds).flatMap(([text, style]) =>
    wrapped(text, columns - 2 * indent.length).map((line) =>
      styled(fitted(indent + line, columns), style),
    ),
  )
}

type Sign = readonly [text: string, style: Style]

/** Only what is connected, with nothing wrong, needs no attention. */
const well: Style = 'dim'

/** Whether every feed is connected, and nothing is wrong with it. */
export const areConnected = (feeds: Feeds | string): boolean =>
  signsOf(feeds).every(([, style]) => style === well)

function signsOf(feeds: Feeds | string): readonly Sign[] {
  if (typeof feeds === 'string') return [[`feed not known: ${feeds}`, 'red']]
  const { data, ingest } = feeds
  const isActive = ingest.state === 'active'
  const others = ingest.problems
    .filter(({ part }) => (isActive ? !part.startsWith('feed') : part !== 'ingest'))
    .map(({ part, message }): Sign => [`${part} ${message}`, 'red'])
  return [...(isActive ? data.map(ofFeed) : [idle(ingest)]), ...others]
}

function ofFeed({ source, state, since, problem }: Feed): Sign {
  const why = problem === null ? '' : `: ${problem}`
  const when = `since ${momentOf(since)}${why}`
  if (state === 'played') return [`the file has been played${why}`, 'yellow']
  if (state === 'connecting') return [`feed ${source} connecting ${when}`, 'yellow']
  if (state !== 'connected') return [`feed ${source} not connected ${when}`, 'red']
  if (problem !== null) return [`feed ${source}${why}`, 'yellow']
  return [`feed ${source} connected`, well]
}

function idle({ state, since }: Feeds['ingest']): Sign {
  if (state === 'no feed') return ['no feed', 'yellow']
  if (since === null) return ['no process has reported on the feed', 'red']
  const when = momentOf(since)
  if (state === 'not reported') return [`no report on the feed since ${when}`, 'red']
  const why = state === 'stopped' ? 'has stopped' : 'stands by'
  return [`no process listens to the feed since ${when}: ingest ${why}`, 'red']
}

/** The time of day, with the date if it isn't today. */
function momentOf(iso: string): string {
  const isToday = iso.slice(0, 10) === new Date().toISOString().slice(0, 10)
  return `${isToday ? iso.slice(11, 19) : iso.slice(0, 16).replace('T', ' ')} UTC`
}
