import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import * as assert from 'uvu/assert'
import { pointsInCode, sourceFolder } from '../crash/points.ts'
import { suite } from '../support/suite.ts'

/** What has to be killed at every await: whole files, or the functions named. */
const scope: Readonly<Record<string, 'whole' | readonly string[]>> = {
  'ingest/term.ts': ['run'],
  'ingest/appender.ts': 'whole',
  'ingest/rejects/bring-back.ts': ['bringBack', 'takeFiles', 'carryOut'],
  'ingest/rejects/plan.ts': ['makePlan'],
  'event-store/embedded/embedded-event-store.ts': ['append', 'appender'],
  'event-store/embedded/log.ts': ['append'],
  'event-store/kafka/kafka-event-store.ts': ['append'],
  'event-store/kafka/producer.ts': 'whole',
  'event-store/kafka/batches.ts': ['commit'],
  'projections/writer.ts': 'whole',
  'projections/live/projector.ts': 'whole',
  'projections/replay/builder.ts': 'whole',
  'projections/active-generation.ts': ['createActive'],
  'projections/replay/build-generation.ts': 'whole',
  'projections/replay-lease.ts': 'whole',
  'projections/replay/replay.ts': 'whole',
  'projections/replay/promotion.ts': 'whole',
  'projections/replay/hand-over.ts': ['handOver'],
  'projections/replay/rollback.ts': 'whole',
  'read-model-store/embedded/generation.ts': ['write', 'writeSeries', 'writeState'],
  'read-model-store/embedded/generations.ts': ['openGenerations'],
  'read-model-store/mongodb/commit.ts': 'whole',
  'read-model-store/mongodb/checkpoints.ts': ['claimCheckpoint', 'setClaims', 'moveCheckpoint'],
  'read-model-store/mongodb/generations.ts': ['createGeneration', 'dropGeneration'],
  'read-model-store/mongodb/catalogue.ts': ['promote', 'addSkip', 'removeSkip'],
  'cli/commands/skip.ts': ['add', 'undo'],
}

const inside = 'the points are in what it waits for'
const reading = 'reads only, and the next point is of the caller, at once'
const unnamed = 'what it writes counts only when the plan is named'
const ending = 'nothing is done any more but to close'

/** Awaits without a point of their own, and why. */
const exceptions: Readonly<Record<string, string>> = {
  'ingest/term.ts: await lookIntoLog(options, appender, intakes, over.signal)':
    'reads only: a kill before what it finds is in the log finds it again',
  'ingest/term.ts: await appender.append(events)': inside,
  'ingest/term.ts: await closeFeeds()': ending,
  'ingest/appender.ts: const answer = await call()': inside,
  'ingest/appender.ts: await sleep(outage.failed(error), undefined, { signal: over })':
    'between two attempts of which the first has failed',
  'ingest/appender.ts: await retryUntilTaken(() => eventStore.append(events))': inside,
  'ingest/appender.ts: if (fresh.length === 0 || (await tryAppend(fresh))) break': inside,
  'ingest/appender.ts: fresh = await retryUntilTaken(() => rows.passOverAgain(again))': reading,
  'ingest/appender.ts: await appendFresh(events)': inside,
  'ingest/rejects/bring-back.ts: const former = await carryOut(folder, options, counts)': inside,
  'ingest/rejects/bring-back.ts: await takeFiles(options.directory, folder)': inside,
  "ingest/rejects/bring-back.ts: if ((await numberedFiles(folder, 'rejects')).length > 0) {":
    reading,
  'ingest/rejects/bring-back.ts: await makePlan(folder, await options.eventStore.heads(), options)':
    inside,
  'ingest/rejects/bring-back.ts: const latest = (await carryOut(folder, options, counts)) ?? noVerdicts()':
    inside,
  'ingest/rejects/bring-back.ts: const plan = await readPlan(folder)': reading,
  'ingest/rejects/bring-back.ts: for await (const trades of tradesIn(folder, options.appendEventsMax)) {':
    reading,
  'ingest/rejects/bring-back.ts: await appender.append(trades)': inside,
  'ingest/rejects/plan.ts: await trades.write(fileBytesMax)': unnamed,
  'ingest/rejects/plan.ts: await trades.write(1)': unnamed,
  'event-store/embedded/log.ts: await track(transact(root, write)).catch((error) => {':
    'before it: append:prepared; in it: append:heads-put; after it: append:durable',
  'event-store/kafka/kafka-event-store.ts: await producer.append(events, gate.require)': inside,
  'event-store/kafka/producer.ts: await former?.then((each) => each.disconnect())': ending,
  'event-store/kafka/producer.ts: return await producer': 'append:producer-connected follows',
  'event-store/kafka/producer.ts: if (others || sent >= sequenceMax) await drop()':
    'after 2^30 events, or when an append is given up',
  'event-store/kafka/producer.ts: await append(given)': inside,
  'event-store/kafka/producer.ts: await drop()': 'only after the broker forgot the producer',
  'event-store/kafka/producer.ts: await producer.connect()': 'append:producer-connected follows',
  'event-store/kafka/producer.ts: await producer.disconnect()': 'only where no broker answers',
  'event-store/kafka/producer.ts: for (const part of inOrder) await sendPart(producer, topic, part)':
    inside,
  'event-store/kafka/producer.ts: await allEnded(': inside,
  'projections/writer.ts: if (to > slice.from) await commit({ ...slice, to }, events)': inside,
  'projections/writer.ts: skipped = new Set((await store.skips(projection.name)).map(textOf))':
    'reads only, and fold:restarted follows',
  'projections/writer.ts: await applyUpTo(slice, events, stop)': inside,
  'projections/writer.ts: await applyUpTo(slice, events.slice(0, before), stop)': inside,
  'projections/writer.ts: const before = await countFoldable(prepare, slice.partition, events)':
    inside,
  'projections/writer.ts: await prepare.rows(partition, events.slice(0, middle))': inside,
  'projections/live/projector.ts: const checkpoint = await writer.restart()': inside,
  'projections/replay/builder.ts: const checkpoint = await writer.restart()': inside,
  'projections/replay/builder.ts: await foldPartition(options, writers, next)': inside,
  'projections/replay/builder.ts: await foldInThreads({ generations, behind, signal, onApplied })':
    inside,
  'projections/replay/builder.ts: for (const writer of writers.values()) await writer.restart()':
    inside,
  'projections/replay/builder.ts: await allEnded(Array.from({ length: partitionsAtOnce }, foldWaiting))':
    inside,
  'projections/replay/builder.ts: await writer.apply({ ...rest, origin })': inside,
  'projections/replay/build-generation.ts: if (obsolete.length > 0) await assertHeld()':
    'between replay:sorted-out and the points of a drop',
  'projections/replay/build-generation.ts: if (await fitsLog(projection, generation, eventStore)) return generation':
    reading,
  'projections/replay/build-generation.ts: await store.drop(unfinished.id)': inside,
  'projections/replay/build-generation.ts: const pointer = await stablePointer(store, name)':
    reading,
  'projections/replay/build-generation.ts: for (let last = await store.pointer(model); ; ) {':
    reading,
  'projections/replay/build-generation.ts: const pointer = await store.pointer(model)': reading,
  'projections/replay/build-generation.ts: const others = (await store.generations(name)).filter(':
    reading,
  'projections/replay/build-generation.ts: const checkpoint = await generation.checkpoint()':
    reading,
  'projections/replay/build-generation.ts: const heads = await eventStore.heads()': reading,
  'projections/replay-lease.ts: if (lease === undefined) throw await leaseHeld(store, leaseName(name))':
    'a refusal',
  'projections/replay-lease.ts: return await work(async () => {': inside,
  'projections/replay-lease.ts: if (!(await lease.held())) throw await leaseHeld(store, lease.name)':
    'promotion:held follows',
  "projections/replay-lease.ts: const holder = (await store.leaseHolder(name)) ?? 'another process'":
    'a refusal',
  'projections/replay/replay.ts: results.push(await promoteBuild(options, builder, build, assertHeld, leftVersion))':
    inside,
  'projections/replay/promotion.ts: return await (await store.open(pointer.active)).checkpoint()':
    reading,
  'projections/replay/hand-over.ts: await sleep(pollEveryMs)':
    'hand-over:caught-up before it, hand-over:not-taken-over after it',
  'projections/replay/rollback.ts: return await store.open(id)': reading,
  "projections/active-generation.ts: return store.open((await store.pointer(model))?.active ?? '')":
    reading,
  'read-model-store/embedded/generation.ts: return await writeSeries(tables, commit, rows.writes)':
    inside,
  'read-model-store/embedded/generations.ts: await Promise.all([...opened.values()].map((generation) => generation.close()))':
    ending,
  'read-model-store/mongodb/checkpoints.ts: if (await setClaims(checkpoints, { _id, next: from, claim: null }, [claim])) return true':
    inside,
  'read-model-store/mongodb/checkpoints.ts: const found = await checkpoints.findOne({ _id, next: from })':
    reading,
  'read-model-store/mongodb/commit.ts: const documents = await collection.find(filter, options).toArray()':
    reading,
  'read-model-store/mongodb/commit.ts: if (commit.from === 0) await loadGeneration(catalogue, generation)':
    reading,
  'read-model-store/mongodb/generations.ts: if (droppedAt < now - droppedKeptMs) await generations.deleteOne({ _id })':
    'a day after the drop',
}

type Line = Readonly<{ file: string; text: string; indent: number }>

const linesOf = (file: string, text: string): readonly Line[] =>
  text
    .split('\n')
    .map((line) => ({ file, text: line.trim(), indent: line.length - line.trimStart().length }))
    .filter((line) => line.text !== '' && !/^(\/\/|\/\*|\*)/.test(line.text))

/** From the line that begins the function to the next one that is indented no more than it. */
function functionLines(lines: readonly Line[], name: string): readonly Line[] {
  const begins = new RegExp(
    `^(export )?(const ${name} = |(async )?function ${name}\\b|${name}: async \\()`,
  )
  const start = lines.findIndex(({ text }) => begins.test(text))
  assert.ok(start >= 0, `${lines[0]?.file} has no function ${name}`)
  const { indent } = lines[start] as Line
  // Parameters on lines of their own end before a line that is not indented either.
  const isNext = ({ indent: of, text }: Line) => of <= indent && !/^[)}]/.test(text)
  const length = lines.slice(start + 1).findIndex(isNext)
  return lines.slice(start, length < 0 ? undefined : start + 1 + length)
}

const scopedLines = Object.entries(scope).map(([file, functions]) => {
  const lines = linesOf(file, readFileSync(join(sourceFolder, file), 'utf8'))
  if (functions === 'whole') return lines
  return functions.flatMap((name) => functionLines(lines, name))
})

const isPoint = (line: Line | undefined): boolean => line?.text.startsWith('crashPoint(') ?? false

/** Whether a point stands on the line before, or on the first line after the whole statement. */
function hasPoint(lines: readonly Line[], at: number): boolean {
  const { indent } = lines[at] as Line
  const goesOn = (line: Line) => line.indent > indent || /^[)\]}?:.]/.test(line.text)
  const after = lines.slice(at + 1).find((line) => isPoint(line) || !goesOn(line))
  return isPoint(lines[at - 1]) || isPoint(after)
}

const keyOf = ({ file, text }: Line) => `${file}: ${text}`

const awaitsOf = (lines: readonly Line[]) =>
  lines.flatMap((line, at) => (/\bawait\b/.test(line.text) ? [{ line, at }] : []))

const test = suite('crash points')

test('every label stands in the code once', () => {
  const labels = pointsInCode().map(({ point }) => point)
  assert.ok(labels.length > 90)
  assert.is(new Set(labels).size, labels.length)
})

test('every await from append to skip has its point, or a reason why not', () => {
  const bare = scopedLines.flatMap((lines) =>
    awaitsOf(lines)
      .filter(({ at }) => !hasPoint(lines, at))
      .map(({ line }) => keyOf(line)),
  )
  assert.equal(
    bare.filter((key) => exceptions[key] === undefined),
    [],
  )
})

test('no exception is left over', () => {
  const awaits = new Set(
    scopedLines.flatMap((lines) => awaitsOf(lines).map(({ line }) => keyOf(line))),
  )
  assert.equal(
    Object.keys(exceptions).filter((key) => !awaits.has(key)),
    [],
  )
})

test('an await without a point would be found', () => {
  const lines = linesOf(
    'x.ts',
    "const a = async () => {\n  await one()\n  await two(\n    3,\n  )\n  crashPoint('x')\n}",
  )
  assert.equal(
    awaitsOf(lines).map(({ at }) => hasPoint(lines, at)),
    [false, true],
  )
})

test.run()
