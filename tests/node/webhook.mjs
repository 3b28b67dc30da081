// A webhook as a user would write it, that tells what it gets: one JSON object a line, the first with its port.
//
//   webhook.mjs [--secret whsec_…]… [--public-key whpk_…]… [--fail N] [--status S]
//
// It consents to whoever asks. A delivery is taken if the published verifier of Standard Webhooks accepts it with one of the secrets, or, as that
// one knows no Ed25519, Node's own with one of the public keys (without any of both, every one is). The first N attempts of each message
// are answered with the status S.

import { createPublicKey, verify } from "node:crypto";
import { createServer } from "node:http";
import { createRequire } from "node:module";
import { parseArgs } from "node:util";

const { values: options } = parseArgs({
  options: {
    secret: { type: "string", multiple: true, default: [] },
    "public-key": { type: "string", multiple: true, default: [] },
    fail: { type: "string", default: "0" },
    status: { type: "string", default: "503" },
  },
});
const attempts = new Map();
const tell = (what) => process.stdout.write(`${JSON.stringify(what)}\n`);

function verifiedBySecret(secret, headers, body) {
  // The packages of the tests are not beside this file.
  const { Webhook } = createRequire(`${process.env.NODE_WEBHOOKS}/`)("standardwebhooks");
  try {
    new Webhook(secret).verify(body, headers, { jsonParse: false });
    return true;
  } catch {
    return false;
  }
}

function verifiedByKey(key, headers, body) {
  const raw = Buffer.from(key.replace(/^whpk_/, ""), "base64");
  const jwk = { kty: "OKP", crv: "Ed25519", x: raw.toString("base64url") };
  const publicKey = createPublicKey({ key: jwk, format: "jwk" });
  const head = Buffer.from(`${headers["webhook-id"]}.${headers["webhook-timestamp"]}.`);
  const signatures = (headers["webhook-signature"] ?? "").split(" ").filter((each) => each.startsWith("v1a,"));
  const signed = Buffer.concat([head, body]);
  return signatures.some((each) => verify(null, signed, publicKey, Buffer.from(each.slice(4), "base64")));
}

function judge(headers, body) {
  const verified = [
    ...options.secret.map((secret) => verifiedBySecret(secret, headers, body)),
    ...options["public-key"].map((key) => verifiedByKey(key, headers, body)),
  ];
  if (verified.length > 0 && !verified.includes(true)) return { kind: "delivery", verified, status: 401 };
  const attempt = (attempts.get(headers["webhook-id"]) ?? 0) + 1;
  attempts.set(headers["webhook-id"], attempt);
  const status = attempt <= Number(options.fail) ? Number(options.status) : 200;
  return { kind: "delivery", verified, attempt, status };
}

async function receive(request, response) {
  const chunks = [];
  for await (const chunk of request) chunks.push(chunk);
  const body = Buffer.concat(chunks);
  const { headers, method, url } = request;
  const told = { path: url, headers, body: body.toString("base64") };
  if (method === "OPTIONS") {
    tell({ ...told, kind: "options", status: 200 });
    response.setHeader("WebHook-Allowed-Origin", headers["webhook-request-origin"]);
    response.end();
  } else if (headers["x-amz-sns-message-type"] === "SubscriptionConfirmation") {
    tell({ ...told, kind: "confirmation", status: 200 });
    response.end(JSON.parse(body).Token);
  } else {
    const judged = judge(headers, body);
    tell({ ...told, ...judged });
    response.statusCode = judged.status;
    response.end();
  }
}

const server = createServer(receive);
server.listen(0, "127.0.0.1", () => tell({ port: server.address().port }));
