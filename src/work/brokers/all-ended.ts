/** Work that goes on until it is stopped, side by side. */

/** Waits for all of them. The first that fails ends the others: it aborts `stop`, and this rejects with its error. */
export async function allEnded(work: readonly Promise<void>[], stop: AbortController): Promise<void> {
  const failures: unknown[] = [];
  const fail = (error: unknown) => {
    failures.push(error);
    stop.abort();
  };
  await Promise.all(work.map((each) => each.catch(fail)));
  if (failures.length > 0) throw failures[0];
}
