/**
 * Depthwise convolution. Output channel c·multiplier + j looks at input channel c; the kernel is
 * [height, width, channels, multiplier], so its last two sizes together are the output channels.
 */

import { endInside, firstInside, placeInside, Window } from './window'

/** to must hold the bias, or zeros. */
export function depthwise(window: usize, samples: i32, from: usize, kernel: usize, to: usize): void {
  visit(changetype<Window>(window), samples, from, kernel, to, FORWARD)
}

/** `to`: gradient of the input; overwritten. */
export function depthwiseInputGradient(window: usize, samples: i32, upper: usize, kernel: usize, to: usize): void {
  const w = changetype<Window>(window)
  memory.fill(to, 0, <usize>samples * (<usize>(w.height * w.width * w.channels) << 2))
  visit(w, samples, to, kernel, upper, INPUT)
}

/** `to`: gradient of the kernel; overwritten. */
export function depthwiseKernelGradient(window: usize, samples: i32, from: usize, upper: usize, to: usize): void {
  const w = changetype<Window>(window)
  memory.fill(to, 0, <usize>(w.sizeY * w.sizeX * w.channels * w.multiplier) << 2)
  visit(w, samples, from, to, upper, KERNEL)
}

const FORWARD: i32 = 0
const INPUT: i32 = 1
const KERNEL: i32 = 2

/** One of the three sums over samples, outputs and window positions; which of image, kernel and output it adds to. */
function visit(w: Window, samples: i32, image: usize, kernel: usize, output: usize, what: i32): void {
  const outputs = <usize>(w.channels * w.multiplier) << 2
  for (let sample = 0; sample < samples; sample++) {
    for (let v = 0; v < w.toHeight; v++) {
      const firstY = firstInside(v, w.strideY, w.top)
      const endY = endInside(v, w.strideY, w.top, w.sizeY, w.height)
      for (let u = 0; u < w.toWidth; u++) {
        const firstX = firstInside(u, w.strideX, w.left)
        const endX = endInside(u, w.strideX, w.left, w.sizeX, w.width)
        for (let y = firstY; y < endY; y++) {
          for (let x = firstX; x < endX; x++) {
            const weights = kernel + <usize>(y * w.sizeX + x) * outputs
            const place = image + placeInside(w, v, u, y, x)
            if (w.multiplier == 1) single(w.channels, place, weights, output, what)
            else multiple(w, place, weights, output, what)
          }
        }
        output += outputs
      }
    }
    image += <usize>(w.height * w.width * w.channels) << 2
  }
}

/** The three addresses are those of the sum and of its two factors, in the order of `what`. */
@inline
function single(channels: i32, image: usize, weights: usize, output: usize, what: i32): void {
  if (what == FORWARD) addProducts(image, weights, output, channels)
  else if (what == INPUT) addProducts(output, weights, image, channels)
  else addProducts(output, image, weights, channels)
}

function addProducts(x: usize, y: usize, to: usize, length: i32): void {
  let k = 0
  for (; k + 4 <= length; k += 4, x += 16, y += 16, to += 16) {
    v128.store(to, f32x4.add(v128.load(to), f32x4.mul(v128.load(x), v128.load(y))))
  }
  for (; k < length; k++, x += 4, y += 4, to += 4) store<f32>(to, load<f32>(to) + load<f32>(x) * load<f32>(y))
}

function multiple(w: Window, image: usize, weights: usize, output: usize, what: i32): void {
  for (let c = 0; c < w.channels; c++) {
    for (let j = 0; j < w.multiplier; j++) {
      if (what == FORWARD) store<f32>(output, load<f32>(output) + load<f32>(image) * load<f32>(weights))
      else if (what == INPUT) store<f32>(image, load<f32>(image) + load<f32>(output) * load<f32>(weights))
      else store<f32>(weights, load<f32>(weights) + load<f32>(output) * load<f32>(image))
      weights += 4
      output += 4
    }
    image += 4
  }
}
