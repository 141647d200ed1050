import kafkajs, { type Kafka, type PartitionAssigner } from 'kafkajs'
import type { Logger } from 'pino'
import { Observable } from 'rxjs'
import { joinGroup, type Member, sessionTimeoutMs } from './member.ts'

const { AssignerProtocol } = kafkajs

type ElectionOptions = Readonly<{
  kafka: () => Kafka
  topic: string
  role: string
  logger: Logger
  /** Called before the stream emits the same change. */
  onState: (state: RoleState) => void
  /** The role is given up only after this, so that a successor finds everything appended. */
  settled: () => Promise<void>
  /** Gets the promise to wait for: leaving the group. */
  onLeaving: (left: Promise<void>) => void
}>

export type RoleState = Readonly<
  | { holds: false }
  | {
      holds: true
      /** False once the group hasn't answered for so long that another may be elected. */
      surely: () => boolean
      /** How often that happened and the group then confirmed the role again. */
      lapses: () => number
    }
>

const rejoinMs = 500

/**
 * A consumer group that assigns every partition to one member, the holder of the role. It holds
 * the role while others join and leave and while no broker answers, until another is elected.
 */
export const election = (options: ElectionOptions): Observable<boolean> =>
  new Observable((subscriber) => {
    const { topic, role, logger, onState, settled, onLeaving } = options
    let heldSince: number | undefined
    let rejoin: NodeJS.Timeout | undefined
    let member: Member | undefined
    let confirmedAt = 0
    let lapses = 0

    const surely = () => Date.now() < confirmedAt + sessionTimeoutMs
    const confirm = (askedAt: number) => {
      if (heldSince !== undefined && askedAt >= confirmedAt + sessionTimeoutMs) lapses += 1
      confirmedAt = askedAt
    }
    const report = (holds: boolean) => {
      const before = heldSince !== undefined
      if (holds === before) return
      heldSince = holds ? Date.now() : undefined
      onState(holds ? { holds, surely, lapses: () => lapses } : { holds })
      logger.info({ role }, holds ? 'elected' : 'no longer elected, standing by')
      subscriber.next(holds)
    }
    const join = () => {
      const joined = joinGroup({
        kafka: options.kafka(),
        groupId: `${topic}.role.${role}`,
        topic,
        assigner: allToOne(() => heldSince),
        onJoining: async () => {},
        onJoined: (partitions) => report(partitions.length > 0),
        onConfirmed: confirm,
        onLost: (error) => {
          if (subscriber.closed) return
          if (!error.retriable) return subscriber.error(error)
          logger.debug({ err: error, role }, 'the election group is out of reach, joining again')
          // Another may be elected as soon as this membership ends.
          confirmedAt = 0
          onLeaving(joined.leave())
          rejoin = setTimeout(join, rejoinMs)
        },
      })
      member = joined
    }
    subscriber.next(false)
    join()
    return () => {
      clearTimeout(rejoin)
      if (heldSince !== undefined) onState({ holds: false })
      onLeaving(settled().then(() => member?.leave()))
    }
  })

/**
 * Each member says since when it holds the role. The latest holder keeps it: an earlier one was
 * away and has been replaced. If nobody holds it, the first member by id gets it.
 */
const allToOne =
  (heldSince: () => number | undefined): PartitionAssigner =>
  ({ cluster }) => ({
    name: 'tradelog-all-to-one',
    version: 0,
    protocol: ({ topics }) => ({
      name: 'tradelog-all-to-one',
      metadata: AssignerProtocol.MemberMetadata.encode({
        version: 0,
        topics,
        userData: Buffer.from(String(heldSince() ?? 0)),
      }),
    }),
    assign: async ({ members, topics }) => {
      const [holder] = members
        .map(({ memberId, memberMetadata }) => ({ memberId, since: sinceOf(memberMetadata) }))
        .sort((a, b) => b.since - a.since || (a.memberId < b.memberId ? -1 : 1))
      if (holder === undefined) return []
      const assignment = Object.fromEntries(
        topics.map((topic) => [
          topic,
          cluster.findTopicPartitionMetadata(topic).map(({ partitionId }) => partitionId),
        ]),
      )
      const memberAssignment = AssignerProtocol.MemberAssignment.encode({
        version: 0,
        assignment,
        userData: Buffer.alloc(0),
      })
      return [{ memberId: holder.memberId, memberAssignment }]
    },
  })

const sinceOf = (metadata: Buffer): number =>
  Number(AssignerProtocol.MemberMetadata.decode(metadata)?.userData.toString() ?? 0)
