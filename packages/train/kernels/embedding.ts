/** Vectors of tokens. A token outside the vocabulary has a vector of zeros. */

export function embed(tokens: usize, count: i32, vocabulary: i32, size: i32, kernel: usize, to: usize): void {
  const bytes = <usize>size << 2
  for (let k = 0; k < count; k++) {
    const token = load<u32>(tokens + (<usize>k << 2))
    if (token < <u32>vocabulary) memory.copy(to, kernel + <usize>token * bytes, bytes)
    else memory.fill(to, 0, bytes)
    to += bytes
  }
}

/** `to`: gradient of the kernel; overwritten. Sums run over the tokens in their order. */
export function embedGradient(tokens: usize, count: i32, vocabulary: i32, size: i32, upper: usize, to: usize): void {
  const bytes = <usize>size << 2
  memory.fill(to, 0, <usize>vocabulary * bytes)
  for (let k = 0; k < count; k++) {
    const token = load<u32>(tokens + (<usize>k << 2))
    if (token < <u32>vocabulary) {
      const row = to + <usize>token * bytes
      for (let at: usize = 0; at < bytes; at += 4) {
        store<f32>(row + at, load<f32>(row + at) + load<f32>(upper + at))
      }
    }
    upper += bytes
  }
}

/** Each of `samples` rows of `length` floats plus the vector `added`. */
export function addToRows(samples: i32, length: i32, from: usize, added: usize, to: usize): void {
  for (let sample = 0; sample < samples; sample++) {
    for (let k = 0; k < length; k++) {
      const at = <usize>k << 2
      store<f32>(to + at, load<f32>(from + at) + load<f32>(added + at))
    }
    from += <usize>length << 2
    to += <usize>length << 2
  }
}

/** Each of `count` rows becomes a copy of `row`, or zeros if that is 0. */
export function fillRows(count: i32, length: i32, row: usize, to: usize): void {
  const bytes = <usize>length << 2
  if (row == 0) memory.fill(to, 0, <usize>count * bytes)
  else for (let k = 0; k < count; k++) memory.copy(to + <usize>k * bytes, row, bytes)
}

/** `count` pieces of `length` floats, fromStride and toStride bytes apart. */
export function copyRows(count: i32, length: i32, from: usize, fromStride: usize, to: usize, toStride: usize): void {
  for (let k = 0; k < count; k++) memory.copy(to + <usize>k * toStride, from + <usize>k * fromStride, <usize>length << 2)
}

/** As copyRows, adding to what is there. */
export function addRows(count: i32, length: i32, from: usize, fromStride: usize, to: usize, toStride: usize): void {
  for (let row = 0; row < count; row++) {
    const x = from + <usize>row * fromStride
    const y = to + <usize>row * toStride
    for (let k = 0; k < length; k++) {
      const at = <usize>k << 2
      store<f32>(y + at, load<f32>(y + at) + load<f32>(x + at))
    }
  }
}
