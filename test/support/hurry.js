// Loaded into the program (`node --import`): time passes HURRY times as fast, from the instant HURRY_FROM (ns since boot)
// on, for all processes that are told the same. A wait of half a minute is one of seconds then.
import process from "node:process";

const times = Number(process.env.HURRY);
const from = BigInt(process.env.HURRY_FROM);
const { bigint } = process.hrtime;
const { now } = Date;
const startedAt = now();
const timeout = globalThis.setTimeout;

process.hrtime.bigint = () => from + (bigint() - from) * BigInt(times);
Date.now = () => startedAt + (now() - startedAt) * times;
globalThis.setTimeout = (callback, ms, ...args) => timeout(callback, ms / times, ...args);
