/** A timer of virtual time. */
export interface VirtualTimer {
  readonly dueMs: number
  /** Of timers due at the same time, the one of the lower owner fires first. */
  readonly owner: number
  /** Of timers of one owner due at the same time, the one that was created first fires first. */
  readonly sequence: number
  /** Undefined once it is cancelled. */
  callback: (() => void) | undefined
}

/** A binary heap of timers: `push` and `pop` cost O(log n). */
export interface TimerHeap {
  push(timer: VirtualTimer): void
  /** The first timer that was not cancelled. */
  peek(): VirtualTimer | undefined
  pop(): VirtualTimer | undefined
}

function before(a: VirtualTimer, b: VirtualTimer): boolean {
  if (a.dueMs !== b.dueMs) return a.dueMs < b.dueMs
  if (a.owner !== b.owner) return a.owner < b.owner
  return a.sequence < b.sequence
}

export function createTimerHeap(): TimerHeap {
  const heap: VirtualTimer[] = []

  const siftUp = (from: number): void => {
    const timer = heap[from]!
    let at = from
    while (at > 0) {
      const parent = (at - 1) >> 1
      if (!before(timer, heap[parent]!)) break
      heap[at] = heap[parent]!
      at = parent
    }
    heap[at] = timer
  }

  const siftDown = (): void => {
    const timer = heap[0]!
    let at = 0
    for (;;) {
      let child = 2 * at + 1
      if (child >= heap.length) break
      if (child + 1 < heap.length && before(heap[child + 1]!, heap[child]!)) child += 1
      if (!before(heap[child]!, timer)) break
      heap[at] = heap[child]!
      at = child
    }
    heap[at] = timer
  }

  const removeFirst = (): VirtualTimer | undefined => {
    const first = heap[0]
    const last = heap.pop()
    if (first !== undefined && last !== first) {
      heap[0] = last!
      siftDown()
    }
    return first
  }

  const dropCancelled = (): void => {
    while (heap[0] !== undefined && heap[0].callback === undefined) removeFirst()
  }

  return {
    push(timer) {
      heap.push(timer)
      siftUp(heap.length - 1)
    },
    peek() {
      dropCancelled()
      return heap[0]
    },
    pop() {
      dropCancelled()
      return removeFirst()
    },
  }
}
