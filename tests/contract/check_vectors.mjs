// Checks docs/contract/vectors.json with nothing but Node's own crypto:
//
//     node check_vectors.mjs VECTORS.json
//
// Canonical bytes, hashes and signatures of records, events and their places, receipts, commands
// and replies. Exits 1 at the first case that does not come out as the file says.
import crypto from "node:crypto";
import fs from "node:fs";

const vectors = JSON.parse(fs.readFileSync(process.argv[2], "utf8"));
const GENESIS = "00".repeat(32);
let cases = 0;

function expect(found, wanted, why) {
  cases += 1;
  if (found !== wanted) {
    console.error(`NOT AS WRITTEN: ${why}: found ${found}, wanted ${wanted}`);
    process.exit(1);
  }
}

// RFC 8785. JavaScript's own order of strings (UTF-16 units) and form of numbers are the RFC's.
function canonical(value) {
  if (Array.isArray(value)) return `[${value.map(canonical).join(",")}]`;
  if (value === null || typeof value !== "object") return JSON.stringify(value);
  const fields = Object.keys(value).sort().map((key) => `${JSON.stringify(key)}:${canonical(value[key])}`);
  return `{${fields.join(",")}}`;
}

// JSON.parse takes a key that stands twice, so a walk over the tokens looks for it.
function strictJson(text) {
  const value = JSON.parse(text);
  const open = [];
  let last = null;
  for (const [token] of text.matchAll(/"(?:[^"\\]|\\.)*"|[{}[\],:]/gs)) {
    if (token === "{") open.push(new Set());
    else if (token === "[") open.push(null);
    else if (token === "}" || token === "]") open.pop();
    else if (token === ":") {
      const key = JSON.parse(last);
      if (open.at(-1).has(key)) throw new SyntaxError("a key stands twice");
      open.at(-1).add(key);
    }
    last = token;
  }
  return value;
}

const sha256 = (...parts) => {
  const hash = crypto.createHash("sha256");
  for (const part of parts) hash.update(part);
  return hash.digest("hex");
};
const hex = (text) => Buffer.from(text, "hex");
const keys = {};
for (const [name, key] of Object.entries(vectors.keys)) {
  keys[name] = crypto.createPublicKey(key.pem);
  const raw = (made) => Buffer.from(made.export({ format: "jwk" }).x, "base64url").toString("hex");
  // PKCS #8 around a 32-byte Ed25519 seed (RFC 8410 section 7).
  const der = Buffer.concat([hex("302e020100300506032b657004220420"), hex(key.seed)]);
  const secret = crypto.createPrivateKey({ key: der, format: "der", type: "pkcs8" });
  expect(raw(keys[name]), key.public, `${name}: PEM`);
  expect(raw(crypto.createPublicKey(secret)), key.public, `${name}: seed`);
}
const signed = (key, purpose, bytes, signature) =>
  crypto.verify(
    null,
    Buffer.concat([Buffer.from(`kiosk-${purpose}-v1\0`), bytes]),
    keys[key],
    Buffer.from(signature, "base64"),
  );

for (const { value, bytes } of vectors.canonical) {
  expect(Buffer.from(canonical(value)).toString("hex"), bytes, "canonical form");
}

let head = GENESIS;
for (const record of vectors.records) {
  expect(canonical(JSON.parse(record.payload)), record.payload, "a record's payload");
  expect(record.previous, head, "a record's previous hash");
  head = sha256(hex(head), record.payload);
  expect(head, record.hash, "a record's hash");
  expect(signed("terminal", "record", hex(head), record.signature), true, "a record's signature");
  expect(signed("stranger", "record", hex(head), record.signature), false, "a stranger's key");
}

function checked(event) {
  const { site, terminal } = vectors.address;
  const { data } = event;
  if (typeof event.signature !== "string") return "malformed";
  if (event.source !== `/kiosk/v1/${site}/${terminal}`) return "misaddressed";
  if (data.site !== site || data.terminal !== terminal) return "misaddressed";
  if (event.sequence !== String(data.seq) || event.id !== data.id) return "malformed";
  const kind = /^kiosk\.(.*)\.v1$/.exec(event.type); // null: of a later version
  if (kind !== null && kind[1] !== data.kind) return "malformed";
  if (sha256(hex(event.previoushash), canonical(data)) !== event.hash) return "forged";
  return signed("terminal", "record", hex(event.hash), event.signature) ? "ok" : "forged";
}

function place(at, event) {
  const { seq, body, kind } = event.data;
  if (kind === "resumption" && body.after_hash === event.previoushash) {
    if (body.held_seq <= at.seq && at.seq < seq) {
      return at.seq === body.after_seq && at.hash !== event.previoushash ? "fork" : "next";
    }
  }
  if (seq === at.seq + 1) return event.previoushash === at.hash ? "next" : "fork";
  if (seq > at.seq) return "gap";
  return seq === at.seq && event.hash !== at.hash ? "fork" : "known";
}

for (const { why, result, event } of vectors.events) expect(checked(event), result, why);
for (const [number, { result, head: at, event }] of vectors.places.entries()) {
  expect(checked(event), "ok", `place ${number}`);
  expect(place(at, event), result, `place ${number}`);
}

function opened({ purpose, key, text }) {
  let document;
  try {
    document = strictJson(text);
  } catch {
    return "malformed";
  }
  if (Object.keys(document).sort().join() !== "body,signature") return "malformed";
  const bytes = Buffer.from(canonical(document.body));
  return signed(key, purpose, bytes, document.signature) ? "ok" : "forged";
}

for (const document of vectors.documents) expect(opened(document), document.result, document.why);
console.log(`as written: ${cases} checks`);
