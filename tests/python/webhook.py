"""A webhook as a user would write it, that tells what it gets: one JSON object a line, the first with its port.

    webhook.py [--secret whsec_…]… [--fail N] [--status S] [--hold-consent]

It consents to whoever asks, unless told to hold that back. A delivery is taken if the published verifier of Standard Webhooks accepts
it with one of the secrets (without any, every one is). The first N attempts of each message are answered with the status S.
"""

import argparse
import base64
import collections
import http.server
import json
import threading

try:
    from standardwebhooks import Webhook, WebhookVerificationError
except ImportError:
    Webhook = None  # Only who signs needs it.


class Receiver(http.server.BaseHTTPRequestHandler):
    """Answers requests; what it is told to do is in `options`."""

    protocol_version = "HTTP/1.1"
    options = None
    attempts = collections.Counter()
    lock = threading.Lock()

    def do_OPTIONS(self):
        """CloudEvents: whether an origin may send."""
        allowed = {"WebHook-Allowed-Origin": self.headers["WebHook-Request-Origin"]}
        self.answer(200, b"", {} if self.options.hold_consent else allowed, kind="options")

    def do_POST(self):
        """SNS's question for consent, or a delivery."""
        body = self.rfile.read(int(self.headers["Content-Length"] or 0))
        if self.headers["x-amz-sns-message-type"] == "SubscriptionConfirmation":
            token = "" if self.options.hold_consent else json.loads(body)["Token"]
            return self.answer(200, token.encode(), kind="confirmation", body=body)
        verified = [self.verify(secret, body) for secret in self.options.secret]
        if verified and not any(verified):
            return self.answer(401, b"not signed by you", kind="delivery", body=body, verified=verified)
        with self.lock:
            self.attempts[self.headers["webhook-id"]] += 1
            attempt = self.attempts[self.headers["webhook-id"]]
        failed = attempt <= self.options.fail
        status = self.options.status if failed else 200
        text = b"try again" if failed else b""
        return self.answer(status, text, kind="delivery", body=body, verified=verified, attempt=attempt)

    def verify(self, secret, body):
        """Whether the published verifier accepts it."""
        try:
            Webhook(secret).verify(body, dict(self.headers), json_parse=False)
            return True
        except WebhookVerificationError:
            return False

    def answer(self, status, text, headers=None, body=b"", **known):
        """Tells first, then answers: what was answered has been told."""
        lower = {name.lower(): value for name, value in self.headers.items()}
        told = {"path": self.path, "headers": lower, "body": base64.b64encode(body).decode(), "status": status, **known}
        tell(told)
        self.send_response(status)
        for name, value in (headers or {}).items():
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(text)))
        self.end_headers()
        self.wfile.write(text)

    def log_message(self, *arguments):
        """Standard error is for what goes wrong."""


def tell(what):
    with Receiver.lock:
        print(json.dumps(what), flush=True)


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--secret", action="append", default=[])
    parser.add_argument("--fail", type=int, default=0)
    parser.add_argument("--status", type=int, default=503)
    parser.add_argument("--hold-consent", action="store_true")
    Receiver.options = parser.parse_args()
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Receiver)
    tell({"port": server.server_port})
    server.serve_forever()


if __name__ == "__main__":
    main()
