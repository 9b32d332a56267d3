import type { NodeStatus } from '@tempered/node'

const SAMPLE: NodeStatus = {
  peer: '12D3KooWself',
  run: 'bafyrun',
  runName: 'digits',
  rounds: 10,
  epoch: null,
  pendingChanges: 0,
  members: 3,
  round: 3,
  phase: 'collecting',
  phaseMs: 1500,
  deadlineMs: 58_500,
  addresses: ['/ip4/127.0.0.1/tcp/4001/p2p/12D3KooWself'],
  isListening: true,
  startedMs: Date.UTC(2026, 10, 30, 12),
  elapsedMs: 60_000,
  neighbours: [
    {
      peer: '12D3KooWneighbourA',
      isUp: true,
      isAdmitted: true,
      model: 'fetching',
      code: null,
      newestRound: 3,
      isFinished: false,
      isQuarantined: false,
      missed: 0,
      owed: 0,
      lastSeenMs: Date.UTC(2026, 10, 30, 12, 0, 58),
      refused: null,
      waitedFor: 'fetching',
    },
    {
      peer: '12D3KooWneighbourB',
      isUp: false,
      isAdmitted: false,
      model: 'none',
      code: null,
      newestRound: -1,
      isFinished: false,
      isQuarantined: false,
      missed: 0,
      owed: 0,
      lastSeenMs: null,
      refused: 'E_WRONG_RUN',
      waitedFor: null,
    },
  ],
  connections: [
    {
      peer: '12D3KooWneighbourA',
      address: '/ip4/192.0.2.1/tcp/4001/p2p/12D3KooWneighbourA',
      direction: 'outbound',
      isAdmitted: true,
      openedMs: Date.UTC(2026, 10, 30, 12, 0, 1),
      protocols: ['/noise', '/yamux/1.0.0'],
    },
  ],
  reachability: null,
  ledger: { length: 3, head: 'bafyhead', lastRound: 2, finalHeight: 1 },
  lastRound: { round: 2, trainingLoss: 0.25, testLoss: 0.5, testMetric: 0.75 },
  quarantined: [],
  refusals: [
    {
      atMs: Date.UTC(2026, 10, 30, 12, 0, 2),
      peer: '12D3KooWneighbourB',
      code: 'E_WRONG_RUN',
      message: 'another run',
    },
  ],
  notices: [{ atMs: Date.UTC(2026, 10, 30, 12, 0, 3), kind: 'alone', text: 'no neighbour answers' }],
  guard: {
    strangers: 3,
    halfOpen: 2,
    unreadBytes: 4096,
    bans: [{ peer: '12D3KooWneighbourC', code: 'E_RATE', until: Date.UTC(2026, 10, 30, 12, 2), times: 1 }],
    rejects: [
      { kind: 'announcement', code: 'E_RATE', count: 40 },
      { kind: 'connection', code: 'E_STRANGERS', count: 2 },
    ],
  },
  wire: { received: 1000, sent: 2000 },
}

/** A node in the fourth of ten rounds, which fetches the model of one neighbour and has no connection with the other. */
export const sampleStatus = (changes: Partial<NodeStatus> = {}): NodeStatus => ({ ...SAMPLE, ...changes })

/** When the sample was taken. */
export const SAMPLE_NOW_MS = Date.UTC(2026, 10, 30, 12, 1)
