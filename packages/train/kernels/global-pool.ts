import { columnSums } from './column-sums'
import { addScaled } from './pool'

/** Means over the positions of each channel. `sums`: scratch of one float64 per channel. */
export function globalAverage(samples: i32, positions: i32, channels: i32, from: usize, to: usize, sums: usize): void {
  for (let sample = 0; sample < samples; sample++) {
    columnSums(from, positions, channels, to, sums, <f64>1 / <f64>positions)
    from += <usize>(positions * channels) << 2
    to += <usize>channels << 2
  }
}

export function globalAverageGradient(samples: i32, positions: i32, channels: i32, upper: usize, to: usize): void {
  const bytes = <usize>channels << 2
  memory.fill(to, 0, <usize>(samples * positions) * bytes)
  for (let sample = 0; sample < samples; sample++) {
    for (let p = 0; p < positions; p++) {
      addScaled(upper, to, channels, <f32>1 / <f32>positions)
      to += bytes
    }
    upper += bytes
  }
}

/** Maxima over the positions of each channel; `places`, if not 0, gets the position of each (the first of equals). */
export function globalMax(samples: i32, positions: i32, channels: i32, from: usize, to: usize, places: usize): void {
  const bytes = <usize>channels << 2
  for (let sample = 0; sample < samples; sample++) {
    for (let at: usize = 0; at < bytes; at += 4) {
      let best = load<f32>(from + at)
      let place = 0
      for (let p = 1; p < positions; p++) {
        const value = load<f32>(from + <usize>p * bytes + at)
        if (value > best) {
          best = value
          place = p
        }
      }
      store<f32>(to + at, best)
      if (places != 0) store<i32>(places + at, place)
    }
    from += <usize>positions * bytes
    to += bytes
    if (places != 0) places += bytes
  }
}

export function globalMaxGradient(
  samples: i32, positions: i32, channels: i32, upper: usize, places: usize, to: usize,
): void {
  const bytes = <usize>channels << 2
  memory.fill(to, 0, <usize>(samples * positions) * bytes)
  for (let sample = 0; sample < samples; sample++) {
    for (let at: usize = 0; at < bytes; at += 4) {
      store<f32>(to + <usize>load<i32>(places + at) * bytes + at, load<f32>(upper + at))
    }
    to += <usize>positions * bytes
    upper += bytes
    places += bytes
  }
}
