"""A reward of one's own behind HTTP: right answers, and half as much for an answer that is close.

Answers each POST of a JSON object with {"reward": number}. Run it beside the training:

    python3 examples/reward_http.py 8765
"""

import json
import sys
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer


def reward(item):
    if item["correct"]:
        return 1.0
    try:
        return 0.5 if abs(int(item["extracted"]) - int(item["gold"])) <= 1 else 0.0
    except (TypeError, ValueError):  # No answer, or none that is a number.
        return 0.0


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_POST(self):
        item = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        body = json.dumps({"reward": reward(item)}).encode()
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_):
        pass


server = ThreadingHTTPServer(("127.0.0.1", int(sys.argv[1])), Handler)
print(server.server_port, flush=True)
server.serve_forever()
