/**
 * Steps on the way of a message that no call of ours to SES took, kept among its events, for people who ask where a fact comes from.
 * Nothing counts them.
 */
/**
 * - `handover`: it was handed over to a broker, or may have been. `detail`: the name that it has there.
 * - `result`: whoever took it from the broker said what became of it. `detail`: the state.
 * - `refusal`: it was refused here, before any call. `detail`: the error.
 */
export interface Step {
  type: "handover" | "result" | "refusal";
  detail: string;
}

/** The types of steps, which no event of SES has. */
export const STEP_TYPES: ReadonlySet<string> = new Set<Step["type"]>(["handover", "result", "refusal"]);
