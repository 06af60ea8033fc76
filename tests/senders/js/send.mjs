// Sends CloudEvents with the SDK for JavaScript: `node send.mjs MODE URL`, a JSON array on stdin.
// Its emitters know no batches, so a batch is put together of what the SDK makes of each event.
import { text } from "node:stream/consumers";
import { CloudEvent, CONSTANTS, HTTP, Mode, emitterFor, httpTransport } from "cloudevents";

const [mode, url] = process.argv.slice(2);
const post = httpTransport(url);
const events = JSON.parse(await text(process.stdin)).map((event) => new CloudEvent(event));

// Its answers have no status, only bodies.
function check({ body }) {
  if (!/"status": ?"(accepted|duplicate)"/.test(body)) {
    throw new Error(body);
  }
}

if (mode === Mode.BATCH) {
  const headers = { [CONSTANTS.HEADER_CONTENT_TYPE]: CONSTANTS.MIME_CE_BATCH };
  check(await post({ headers, body: JSON.stringify(events) }));
} else {
  const emit = emitterFor(post, { binding: HTTP, mode });
  for (const event of events) {
    check(await emit(event));
  }
}
