/**
 * Memory is promised not to grow with the list. V8 on its own lets young garbage pile up to 32 MB and the old space to
 * several times what lives in it before it collects; bounded, an import or a send of a million peaks a third lower for
 * about a tenth more processor time (docs/performance.md).
 */
import { getHeapSpaceStatistics, setFlagsFromString } from "node:v8";

let bounded = false;

/** Collect the old space when it has grown by half, not when it has multiplied. Call once, early. */
export function boundOldSpace(): void {
  setFlagsFromString("--heap-growing-percent=50");
}

/** Stops the young space from growing further once it has reached `mostMb`. Cheap: call it now and then. */
export function boundYoungSpace(mostMb: number): void {
  if (bounded) return;
  const young = getHeapSpaceStatistics().find((space) => space.space_name === "new_space");
  if (!young || young.space_size < mostMb * 1_048_576) return;
  bounded = true;
  setFlagsFromString("--semi-space-growth-factor=1");
}
