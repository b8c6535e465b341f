/**
 * Bounds for V8's heap, because memory must not grow with the list. Without them V8 lets young garbage grow to 32 MB,
 * and the old space to several times its live data, before it collects. With them an import or a send of a million
 * peaks a third lower and takes about a tenth more processor time (docs/performance.md).
 */
import { getHeapSpaceStatistics, setFlagsFromString } from "node:v8";

let bounded = false;

/**
 * Makes V8 collect the old space when it has grown by half, or by 16 MB when that is more. Call it early: it holds from the next full
 * collection on, and one that came before lets the old space grow to four times what is alive until then.
 */
export function boundOldSpace(): void {
  setFlagsFromString("--heap-growing-percent=50");
}

/**
 * Stops the growth of the young space once it has reached `mostMb` (units of 1,048,576 bytes). It is cheap: call it now
 * and then.
 */
export function boundYoungSpace(mostMb: number): void {
  if (bounded) return;
  const young = getHeapSpaceStatistics().find((space) => space.space_name === "new_space");
  if (!young || young.space_size < mostMb * 1_048_576) return;
  bounded = true;
  setFlagsFromString("--semi-space-growth-factor=1");
}

/**
 * Stops V8 from optimising WebAssembly. The only one is the HTTP parser of undici: one large function, whose optimisation takes 35 MB and
 * makes a call no faster. Call it before the first request.
 */
export function boundWasm(): void {
  setFlagsFromString("--liftoff-only");
}
