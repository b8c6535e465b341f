/**
 * fast-check, trying the same cases each time, so that a red run speaks of the change it ran for. New cases are looked for on
 * purpose: `PROPERTY_SEED=random npm test`, or with a number to see a failure again.
 */
import fc from "fast-check";

const { PROPERTY_SEED: seed = "20261126" } = process.env;

fc.configureGlobal(seed === "random" ? {} : { seed: Number(seed) });

export default fc;
