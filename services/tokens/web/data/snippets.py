"""Code examples of a first push with the URLs, client id and token filled in. Pure."""

from __future__ import annotations

from typing import NamedTuple

PUSH_PATH = "/v2/import/push"
BATCH_PATH = "/v2/import/batch"
PLACEHOLDER = "at_YOUR_TOKEN"


class Snippet(NamedTuple):
    """``key``: for element ids; ``hint``: what you need to run it."""

    key: str
    title: str
    hint: str
    code: str


def push_snippets(import_url: str, client_id: int, access_token: str) -> list[Snippet]:
    values = {
        "push": import_url + PUSH_PATH,
        "batch": import_url + BATCH_PATH,
        "client_id": str(client_id),
        "token": access_token,
    }
    return [Snippet(key, title, hint, _fill(code, values)) for key, title, hint, code in _TEMPLATES]


def _fill(code: str, values: dict[str, str]) -> str:
    for name, value in values.items():
        code = code.replace(f"<{name}>", value)
    return code


_CURL = """\
curl '<push>' \\
  -H 'Authorization: Bearer <token>' \\
  -H 'Content-Type: application/json' \\
  -d '[{"client_id": <client_id>, "table_name": "greetings", "key_names": ["id"],
        "action": "upsert", "sequence": 1, "data": {"id": 1, "text": "Hello"}}]'
"""

_PYTHON = """\
import json
import time
import urllib.request

records = [
    {
        "client_id": <client_id>,
        "table_name": "greetings",
        "key_names": ["id"],
        "action": "upsert",
        "sequence": time.time_ns(),
        "data": {"id": 1, "text": "Hello"},
    }
]
request = urllib.request.Request(
    "<push>",
    data=json.dumps(records).encode(),
    headers={
        "Authorization": "Bearer <token>",
        "Content-Type": "application/json",
    },
)
with urllib.request.urlopen(request) as answer:
    print(answer.status, answer.read().decode())
"""

_JAVASCRIPT = """\
const answer = await fetch("<push>", {
  method: "POST",
  headers: {
    "Authorization": "Bearer <token>",
    "Content-Type": "application/json",
  },
  body: JSON.stringify([
    {
      client_id: <client_id>,
      table_name: "greetings",
      key_names: ["id"],
      action: "upsert",
      sequence: Date.now(),
      data: { id: 1, text: "Hello" },
    },
  ]),
});
console.log(answer.status, await answer.text());
"""

_SINGER = """\
cat > target-config.json <<'END'
{
  "client_id": <client_id>,
  "token": "<token>",
  "small_batch_url": "<batch>",
  "big_batch_url": "<batch>",
  "batch_size_preferences": {},
  "disable_collection": true
}
END
tap-YOURS --config tap-config.json | target-stitch --config target-config.json
"""

_TEMPLATES = (
    ("curl", "curl", "Run it in a terminal.", _CURL),
    ("python", "Python", "Requires Python 3 and no packages.", _PYTHON),
    (
        "javascript",
        "JavaScript",
        "Requires Node.js 18 or newer. Save it as an .mjs file.",
        _JAVASCRIPT,
    ),
    ("singer", "Singer", "Requires target-stitch and a Singer tap.", _SINGER),
)
