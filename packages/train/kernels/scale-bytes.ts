/** Bytes of images to the numbers that a model takes, by a table of 256 for each channel. */

/**
 * `count` bytes, a multiple of `channels`, to floats. Byte k is looked up in table k mod channels; tables stand one
 * after the other. The bytes may be the last quarter of where the floats go: no byte is overwritten before it is read.
 */
export function scaleBytes(from: usize, count: i32, channels: i32, tables: usize, to: usize): void {
  let k = 0
  if (channels == 1) {
    for (; k + 4 <= count; k += 4) {
      const bytes = load<u32>(from)
      let floats = v128.load32_zero(tables + <usize>((bytes & 255) << 2))
      floats = v128.load_lane<u32>(tables + <usize>(((bytes >> 8) & 255) << 2), floats, 1)
      floats = v128.load_lane<u32>(tables + <usize>(((bytes >> 16) & 255) << 2), floats, 2)
      floats = v128.load_lane<u32>(tables + <usize>((bytes >> 24) << 2), floats, 3)
      v128.store(to, floats)
      from += 4
      to += 16
    }
  }
  const end = tables + (<usize>channels << 10)
  let table = tables
  for (; k < count; k++) {
    store<f32>(to, load<f32>(table + (<usize>load<u8>(from) << 2)))
    table += 1024
    if (table == end) table = tables
    from += 1
    to += 4
  }
}
