/**
 * Geometry of pools and depthwise convolutions over samples of [height, width, channels]; the fields are in the order
 * of `writeWindow` in `src/engine/wasm/stages/window.ts`. The part of a window that lies outside counts for nothing.
 */
@unmanaged
export class Window {
  height: i32
  width: i32
  channels: i32
  toHeight: i32
  toWidth: i32
  sizeY: i32
  sizeX: i32
  strideY: i32
  strideX: i32
  top: i32
  left: i32
  /** Depthwise convolutions: filters per channel; else 1. */
  multiplier: i32
}

/** First and last (exclusive) position of a window inside the image, along one axis. */
@inline
export function firstInside(to: i32, stride: i32, before: i32): i32 {
  return max(0, before - to * stride)
}

@inline
export function endInside(to: i32, stride: i32, before: i32, size: i32, length: i32): i32 {
  return min(size, length + before - to * stride)
}

/** Bytes from the sample's beginning to the position that window position (y, x) of output (v, u) looks at. */
@inline
export function placeInside(w: Window, v: i32, u: i32, y: i32, x: i32): usize {
  const row = v * w.strideY + y - w.top
  const column = u * w.strideX + x - w.left
  return <usize>((row * w.width + column) * w.channels) << 2
}
