"""Signs and verifies with dkimpy, the DKIM implementation in Python.

Reads one JSON object from standard input and writes one to standard output;
messages are base64.

  {"keys": {"rsa-sha256": PEM, "ed25519-sha256": base64 of the seed},
   "records": {name: TXT record},
   "sign": [{"message", "algorithm", "selector", "domain", "canon", "names"}],
   "verify": [message, ...]}
  -> {"signed": [message, ...], "verified": [bool, ...]}
"""

import base64
import json
import sys

import dkim


def sign(keys, job):
    message = base64.b64decode(job["message"])
    header_canon, body_canon = job["canon"].split("/")
    field = dkim.sign(
        message,
        job["selector"].encode(),
        job["domain"].encode(),
        keys[job["algorithm"]].encode(),
        canonicalize=(header_canon.encode(), body_canon.encode()),
        signature_algorithm=job["algorithm"].encode(),
        include_headers=[n.encode() for n in job["names"]],
        linesep=b"\r\n",
    )
    return base64.b64encode(field + message).decode()


def verify(records, text):
    def lookup(name, timeout=5):
        return records[name.decode().rstrip(".")].encode()

    try:
        return bool(dkim.verify(base64.b64decode(text), dnsfunc=lookup))
    except dkim.DKIMException:
        return False


def main():
    job = json.load(sys.stdin)
    json.dump(
        {
            "signed": [sign(job["keys"], j) for j in job.get("sign") or []],
            "verified": [verify(job["records"], m) for m in job.get("verify") or []],
        },
        sys.stdout,
    )


main()
