/** The parts of the code whose tests are tested, with those tests: all that are quick and look at the part. */
export const AREAS = {
  codec: {
    mutate: ['codec', 'fields', 'announcement', 'head', 'entry', 'chain', 'tensor-codec'].map(
      (name) => `packages/protocol/src/${name}.ts`,
    ),
    tests: [
      'packages/protocol/test/unit/{chain,codec,differential-privacy,entry,finality,inclusion-proof,messages,signing,statement,tensor-codec}.test.ts',
      'packages/protocol/test/unit/epochs/{chain,change}.test.ts',
      'packages/protocol/test/property/{chain,codec,contribution}.test.ts',
      'packages/protocol/test/vectors/documents.test.ts',
    ],
  },
  ledger: {
    mutate: ['car-log', 'car', 'ledger', 'verify'].map((name) => `packages/node/src/ledger/${name}.ts`),
    tests: [
      'packages/node/test/unit/ledger/{car,car-log,ledger,entries}.test.ts',
      'packages/node/test/property/ledger/verify.test.ts',
    ],
  },
  validation: {
    mutate: ['packages/node/src/inbound/*.ts'],
    tests: ['packages/node/test/unit/inbound/*.test.ts'],
  },
  machine: {
    mutate: ['machine', 'collecting', 'standing', 'heard-announcements', 'pace'].map(
      (name) => `packages/node/src/round/${name}.ts`,
    ),
    tests: [
      'packages/node/test/unit/round/{machine,standing,heard-announcements,pace,waiting,run-progress}.test.ts',
      'packages/node/test/property/round/machine.test.ts',
      'packages/node/test/vectors/round-histories.test.ts',
    ],
  },
  filter: {
    mutate: ['balance', 'clipped-gossip', 'clipping', 'screening'].map(
      (name) => `packages/robust-agg/src/rules/${name}.ts`,
    ),
    tests: ['packages/robust-agg/test/{unit/rules,vectors}/*.test.ts'],
  },
}
