"""Asks a server and the page of runs, as a client would, and ends both: check_services.py LASER MODEL RUNS"""

import json
import signal
import subprocess
import sys
import urllib.error
import urllib.request

laser, model, runs = sys.argv[1:]


def start(*args):
    """A service on a free port, and its URL."""
    process = subprocess.Popen([laser, *args, "--port", "0"], stderr=subprocess.PIPE, text=True)
    said = ""
    for line in process.stderr:
        said += line
        if "http://" in line:
            return process, "http://" + line.split("http://")[1].split()[0].rstrip(";,/")
    sys.exit(f"{args[0]} ended without listening:\n{said}")


def ask(url, body=None, host=None):
    request = urllib.request.Request(url, data=body and json.dumps(body).encode())
    request.add_header("Content-Type", "application/json")
    if host:
        request.add_header("Host", host)
    try:
        with urllib.request.urlopen(request, timeout=60) as answer:
            return answer.status, answer.read().decode()
    except urllib.error.HTTPError as error:
        return error.code, error.read().decode()


def stop(process):
    process.send_signal(signal.SIGTERM)
    assert process.wait(60) == 0, f"ended with status {process.returncode}"


server, url = start("serve", "--model", model, "--served-name", "demo")
prompt = {"model": "demo", "prompt": "3+4*5=", "max_tokens": 64, "seed": 1}
status, text = ask(f"{url}/v1/completions", prompt | {"n": 4})
assert status == 200, text
choices = json.loads(text)["choices"]
assert len(choices) == 4, text
for choice in choices:
    assert (choice["self_reward"] is not None) == (choice["finish_reason"] == "stop"), choice
status, text = ask(f"{url}/v1/completions", prompt | {"stream": True})
assert status == 200 and text.endswith("data: [DONE]\n\n") and '"self_reward":' in text, text
status, text = ask(f"{url}/v1/completions", prompt | {"laser": {"vote": "weighted", "n": 8}})
assert status == 200 and '"confidence"' in text and len(json.loads(text)["choices"]) == 1, text
for bad, wanted in [(prompt | {"temprature": 1}, 400), (prompt | {"model": "other"}, 404), (prompt | {"max_tokens": 10**6}, 400)]:
    status, text = ask(f"{url}/v1/completions", bad)
    assert status == wanted and "message" in json.loads(text)["error"], text
assert ask(f"{url}/v1/models", host="evil.example")[0] == 421
status, text = ask(f"{url}/metrics")
assert status == 200 and "laser_time_to_first_token_seconds" in text, text
stop(server)

page, url = start("dash", runs)
status, text = ask(url + "/")
assert status == 200 and "<html" in text, text
for path in ("/../../etc/passwd", "/%2e%2e/%2e%2e/etc/passwd"):
    assert ask(url + path)[0] in (400, 404)
stop(page)
print("services: all checks passed")
