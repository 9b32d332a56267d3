import { endInside, firstInside, placeInside, Window } from './window'

/**
 * Maxima over windows, for `samples` samples. `taps`, if not 0, gets the position in the window of each maximum (the
 * first of equal ones) as int32.
 */
export function maxPool(window: usize, samples: i32, from: usize, to: usize, taps: usize): void {
  const w = changetype<Window>(window)
  const bytes = <usize>(w.height * w.width * w.channels) << 2
  const step = <usize>w.channels << 2
  const quarters = isQuartered(w)
  for (let sample = 0; sample < samples; sample++) {
    for (let v = 0; v < w.toHeight; v++) {
      for (let u = 0; u < w.toWidth; u++) {
        if (quarters) maximumOfFour(w, from + placeInside(w, v, u, 0, 0), to, taps)
        else maximum(w, from, v, u, to, taps)
        to += step
        if (taps != 0) taps += step
      }
    }
    from += bytes
  }
}

/** Whether windows are 2×2 beside each other, none reaching into the padding, and channels fill a vector. */
function isQuartered(w: Window): bool {
  if (w.sizeY != 2 || w.sizeX != 2 || w.strideY != 2 || w.strideX != 2 || w.channels < 4) return false
  return w.top == 0 && w.left == 0 && 2 * w.toHeight <= w.height && 2 * w.toWidth <= w.width
}

/** `maximum` for these windows, which most models have. */
function maximumOfFour(w: Window, origin: usize, to: usize, taps: usize): void {
  const column = <usize>w.channels << 2
  const row = <usize>w.width * column
  const low = origin + row
  for (let c = 0; c < w.channels; c += 4) {
    const at = <usize>min(c, w.channels - 4) << 2
    const x0 = v128.load(origin + at)
    const x1 = v128.load(origin + column + at)
    const x2 = v128.load(low + at)
    const x3 = v128.load(low + column + at)
    const right = f32x4.gt(x1, x0)
    let best = v128.bitselect(x1, x0, right)
    // A lane of a mask is 0 or -1.
    let tap = i32x4.neg(right)
    let larger = f32x4.gt(x2, best)
    best = v128.bitselect(x2, best, larger)
    tap = v128.bitselect(i32x4.splat(2), tap, larger)
    larger = f32x4.gt(x3, best)
    best = v128.bitselect(x3, best, larger)
    v128.store(to + at, best)
    if (taps != 0) v128.store(taps + at, v128.bitselect(i32x4.splat(3), tap, larger))
  }
}

function maximum(w: Window, from: usize, v: i32, u: i32, to: usize, taps: usize): void {
  const firstY = firstInside(v, w.strideY, w.top)
  const endY = endInside(v, w.strideY, w.top, w.sizeY, w.height)
  const firstX = firstInside(u, w.strideX, w.left)
  const endX = endInside(u, w.strideX, w.left, w.sizeX, w.width)
  const origin = from + placeInside(w, v, u, firstY, firstX)
  const column = <usize>w.channels << 2
  const row = <usize>w.width * column
  const first = firstY * w.sizeX + firstX
  if (w.channels < 4) {
    for (let at: usize = 0; at < column; at += 4) {
      let best = load<f32>(origin + at)
      let tap = first
      for (let y = firstY; y < endY; y++) {
        for (let x = firstX; x < endX; x++) {
          const value = load<f32>(origin + <usize>(y - firstY) * row + <usize>(x - firstX) * column + at)
          if (value > best) {
            best = value
            tap = y * w.sizeX + x
          }
        }
      }
      store<f32>(to + at, best)
      if (taps != 0) store<i32>(taps + at, tap)
    }
    return
  }
  // The last four channels may overlap those before them, which get the same maxima again.
  for (let c = 0; c < w.channels; c += 4) {
    const at = <usize>min(c, w.channels - 4) << 2
    let best = v128.load(origin + at)
    let tap = i32x4.splat(first)
    for (let y = firstY; y < endY; y++) {
      let place = origin + <usize>(y - firstY) * row + at
      for (let x = firstX; x < endX; x++) {
        const value = v128.load(place)
        const larger = f32x4.gt(value, best)
        best = v128.bitselect(value, best, larger)
        tap = v128.bitselect(i32x4.splat(y * w.sizeX + x), tap, larger)
        place += column
      }
    }
    v128.store(to + at, best)
    if (taps != 0) v128.store(taps + at, tap)
  }
}

/**
 * The gradient goes to where the maxima were. With `outputs` not 0 only where the maximum is above 0, which applies the
 * derivative of a ReLU before the pool as well.
 */
export function maxPoolGradient(
  window: usize, samples: i32, upper: usize, taps: usize, outputs: usize, to: usize,
): void {
  const w = changetype<Window>(window)
  const bytes = <usize>(w.height * w.width * w.channels) << 2
  const step = <usize>w.channels << 2
  const quarters = isQuartered(w)
  const covered = quarters && 2 * w.toHeight == w.height && 2 * w.toWidth == w.width
  if (!covered) memory.fill(to, 0, <usize>samples * bytes)
  for (let sample = 0; sample < samples; sample++) {
    for (let v = 0; v < w.toHeight; v++) {
      for (let u = 0; u < w.toWidth; u++) {
        if (quarters) returnToFour(w, upper, taps, outputs, to + placeInside(w, v, u, 0, 0))
        else returnMaximum(w, upper, taps, outputs, v, u, to)
        upper += step
        taps += step
        if (outputs != 0) outputs += step
      }
    }
    to += bytes
  }
}

/** `returnMaximum` for windows as `isQuartered` finds them. */
function returnToFour(w: Window, upper: usize, taps: usize, outputs: usize, origin: usize): void {
  const column = <usize>w.channels << 2
  const low = origin + <usize>w.width * column
  for (let c = 0; c < w.channels; c += 4) {
    const at = <usize>min(c, w.channels - 4) << 2
    const tap = v128.load(taps + at)
    let gradient = v128.load(upper + at)
    if (outputs != 0) gradient = v128.and(gradient, f32x4.gt(v128.load(outputs + at), f32x4.splat(0)))
    v128.store(origin + at, v128.and(gradient, i32x4.eq(tap, i32x4.splat(0))))
    v128.store(origin + column + at, v128.and(gradient, i32x4.eq(tap, i32x4.splat(1))))
    v128.store(low + at, v128.and(gradient, i32x4.eq(tap, i32x4.splat(2))))
    v128.store(low + column + at, v128.and(gradient, i32x4.eq(tap, i32x4.splat(3))))
  }
}

function returnMaximum(w: Window, upper: usize, taps: usize, outputs: usize, v: i32, u: i32, to: usize): void {
  const firstY = firstInside(v, w.strideY, w.top)
  const endY = endInside(v, w.strideY, w.top, w.sizeY, w.height)
  const firstX = firstInside(u, w.strideX, w.left)
  const endX = endInside(u, w.strideX, w.left, w.sizeX, w.width)
  const origin = to + placeInside(w, v, u, firstY, firstX)
  const column = <usize>w.channels << 2
  const row = <usize>w.width * column
  if (w.channels < 4 || w.strideY < w.sizeY || w.strideX < w.sizeX) {
    for (let at: usize = 0; at < column; at += 4) {
      if (outputs != 0 && !(load<f32>(outputs + at) > 0)) continue
      const tap = load<i32>(taps + at)
      const y = tap / w.sizeX
      const place = origin + <usize>(y - firstY) * row + <usize>(tap - y * w.sizeX - firstX) * column + at
      store<f32>(place, load<f32>(place) + load<f32>(upper + at))
    }
    return
  }
  // Windows do not overlap, so nothing has to be added up, and the last four channels may overlap those before them.
  for (let c = 0; c < w.channels; c += 4) {
    const at = <usize>min(c, w.channels - 4) << 2
    const tap = v128.load(taps + at)
    let gradient = v128.load(upper + at)
    if (outputs != 0) gradient = v128.and(gradient, f32x4.gt(v128.load(outputs + at), f32x4.splat(0)))
    for (let y = firstY; y < endY; y++) {
      let place = origin + <usize>(y - firstY) * row + at
      for (let x = firstX; x < endX; x++) {
        v128.store(place, v128.and(gradient, i32x4.eq(tap, i32x4.splat(y * w.sizeX + x))))
        place += column
      }
    }
  }
}

/** Means over the part of each window that lies inside. */
export function averagePool(window: usize, samples: i32, from: usize, to: usize): void {
  const w = changetype<Window>(window)
  memory.fill(to, 0, <usize>samples * (<usize>(w.toHeight * w.toWidth * w.channels) << 2))
  spread(w, samples, from, to, false)
}

export function averagePoolGradient(window: usize, samples: i32, upper: usize, to: usize): void {
  const w = changetype<Window>(window)
  memory.fill(to, 0, <usize>samples * (<usize>(w.height * w.width * w.channels) << 2))
  spread(w, samples, to, upper, true)
}

/** For each output, adds its share: of the window's values to the output, or (back) of its gradient to the window. */
function spread(w: Window, samples: i32, image: usize, output: usize, back: bool): void {
  for (let sample = 0; sample < samples; sample++) {
    for (let v = 0; v < w.toHeight; v++) {
      const firstY = firstInside(v, w.strideY, w.top)
      const endY = endInside(v, w.strideY, w.top, w.sizeY, w.height)
      for (let u = 0; u < w.toWidth; u++) {
        const firstX = firstInside(u, w.strideX, w.left)
        const endX = endInside(u, w.strideX, w.left, w.sizeX, w.width)
        const share = <f32>1 / <f32>((endY - firstY) * (endX - firstX))
        for (let y = firstY; y < endY; y++) {
          for (let x = firstX; x < endX; x++) {
            const place = image + placeInside(w, v, u, y, x)
            if (back) addScaled(output, place, w.channels, share)
            else addScaled(place, output, w.channels, share)
          }
        }
        output += <usize>w.channels << 2
      }
    }
    image += <usize>(w.height * w.width * w.channels) << 2
  }
}

/** to += from × factor. */
export function addScaled(from: usize, to: usize, length: i32, factor: f32): void {
  const factors = f32x4.splat(factor)
  let k = 0
  for (; k + 4 <= length; k += 4, from += 16, to += 16) {
    v128.store(to, f32x4.add(v128.load(to), f32x4.mul(v128.load(from), factors)))
  }
  for (; k < length; k++, from += 4, to += 4) store<f32>(to, load<f32>(to) + load<f32>(from) * factor)
}
