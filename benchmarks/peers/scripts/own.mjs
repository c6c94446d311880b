// Keeps what the tool itself measured: a line "EPOCH_MS DURATION_MS" for each action, written now and then.
import { appendFile } from "node:fs/promises";

const WRITE_EVERY_MS = 500;
let lines = [];

export function own(duration) {
  lines.push(`${Date.now()} ${duration}\n`);
}

setInterval(async () => {
  const taken = lines;
  lines = [];
  if (taken.length) await appendFile(process.env.PEER_OWN, taken.join(""));
}, WRITE_EVERY_MS).unref();
