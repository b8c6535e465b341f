/** Takes a copy back: the job goes on where it was, and the copy cannot be used any more. */
import { EXIT, InterruptedError, StoppedError, UserError } from "../errors.ts";
import type { Archive } from "../store/archive.ts";
import { dbOption, isSamePlace, type Marks, openable, shellPlace } from "../store/moved.ts";
import type { Context } from "./context.ts";

/** What became of the copy: it cannot be used now, it is gone, or nobody knows. */
type Fate = "withdrawn" | "gone" | "unknown";

interface UndoOptions {
  /** The copy as it was named on the command line; undefined: as the source knows it. */
  to: string | undefined;
  yes: boolean;
}

/** `copy --undo`. Resolves to the exit code. */
export async function undoCopy(
  { io, terminal, globals }: Pick<Context, "io" | "terminal" | "globals">,
  source: Archive,
  open: (location: string) => Promise<Archive>,
  { to, yes }: UndoOptions,
): Promise<number> {
  const from = source.location;
  const here = await source.look();
  if (here === null) throw new UserError(`there is no job at ${from}`, "name the job that was copied first");
  const { movedTo, copyId } = here;
  if (movedTo === null || copyId === null)
    throw new UserError(`${from} was not copied to another place`, "there is nothing to take back");
  const fate = await withdraw(source, { ...here, movedTo, copyId }, () => open(to ?? openable(movedTo)));
  // What was there before it went away may have sent mail.
  const isDoubtful = fate === "unknown" || (fate === "gone" && here.movedAt !== null);
  if (isDoubtful && !yes) await agree({ io, terminal }, from, movedTo);
  await source.comeBack(copyId);
  const rest = fate === "gone" ? "" : `; the copy ${movedTo} cannot be used any more: remove it`;
  if (globals.json) terminal.json({ from, to: movedTo, undone: true, copy: fate });
  else terminal.done(`The job goes on in ${from}: ${dbOption(from)}${rest}`);
  return EXIT.done;
}

async function agree({ io, terminal }: Pick<Context, "io" | "terminal">, from: string, to: string): Promise<void> {
  const doubt = `${to} cannot be asked whether mail was sent from there, which would be sent again from ${from}`;
  if (io.stdin.isTTY !== true || io.stderr.isTTY !== true)
    throw new UserError(doubt, "when you know that none was, add --yes; see that nobody goes on with it later");
  if (await terminal.confirm(`Go on with ${from}?`, [`${doubt}.`])) return;
  throw new UserError("not confirmed", "nothing was changed");
}

type Known = Marks & { jobId: string; movedTo: string; copyId: string };

async function withdraw(source: Archive, here: Known, open: () => Promise<Archive>): Promise<Fate> {
  const copy = await open();
  if (!isSamePlace(copy.location, here.movedTo))
    throw new UserError(`${source.location} was copied to ${here.movedTo}, not to ${copy.location}`);
  const there = await look(copy);
  if (there === "unknown") return there;
  if (there === null || there.jobId !== here.jobId) return "gone";
  if (there.copyOf !== null && there.copyId === null) return "withdrawn";
  if (there.copyId !== here.copyId) throw wentOn(source, copy);
  const expected = there.copyOf === null ? await source.figures() : null;
  const differs = await copy.withdraw({ id: here.copyId, from: source.location }, expected);
  if (differs !== null) throw wentOn(source, copy);
  return "withdrawn";
}

async function look(copy: Archive): Promise<Awaited<ReturnType<Archive["look"]>> | "unknown"> {
  try {
    return await copy.look();
  } catch (error) {
    if (error instanceof InterruptedError) throw error;
    if (error instanceof UserError || error instanceof StoppedError) return "unknown";
    throw error;
  }
}

function wentOn({ location: from }: Archive, { location: to }: Archive): UserError {
  return new UserError(
    `the job has gone on in ${to}: ${from} does not know what was sent there, and would send it again`,
    `to leave ${to}, copy the job from there to a new place: ses-mail copy ${shellPlace(to)} <new place>`,
  );
}
