"""Seals and validates with dkimpy, the ARC implementation in Python.

Reads one JSON object from standard input and writes one to standard output;
messages are base64.

  {"key": PEM, "records": {name: TXT record},
   "seal": [{"message", "domain", "selector", "id", "times"}],
   "validate": [message, ...]}
  -> {"sealed": [message, ...], "validated": [[cv, reason], ...]}

A message is sealed as often as "times" says, each time after a validation whose
result goes into an Authentication-Results field on top, as dkimpy wants it.
"""

import base64
import json
import sys

import dkim


def main():
    job = json.load(sys.stdin)

    def lookup(name, timeout=5):
        return job["records"][name.decode().rstrip(".")].encode()

    def validate(message):
        cv, _, reason = dkim.arc_verify(message, dnsfunc=lookup)
        return (cv or b"fail").decode(), reason

    def seal(j):
        message = base64.b64decode(j["message"])
        for _ in range(j["times"]):
            cv, _ = validate(message)
            results = "Authentication-Results: %s; arc=%s; dmarc=pass header.from=fabrikam.com\r\n" % (j["id"], cv)
            message = results.encode() + message
            fields = dkim.arc_sign(
                message, j["selector"].encode(), j["domain"].encode(), job["key"].encode(), j["id"].encode()
            )
            message = b"".join(fields) + message[len(results):]
        return base64.b64encode(message).decode()

    json.dump(
        {
            "sealed": [seal(j) for j in job.get("seal") or []],
            "validated": [validate(base64.b64decode(m)) for m in job.get("validate") or []],
        },
        sys.stdout,
    )


main()
