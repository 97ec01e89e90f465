"""Loads `eyebar serve` to its limit, and says what it answered.

usage: load.py URL PHOTO.jpg [--clients 32] [--seconds 60] [--path /v1/faces] [--pid PID]

Every client asks again as soon as it is answered; a 503 is obeyed (Retry-After). With the server's process id its memory is
read before, in the middle and after.
"""

import argparse
import collections
import http.client
import pathlib
import threading
import time
import urllib.parse

parser = argparse.ArgumentParser()
parser.add_argument("url")
parser.add_argument("photo")
parser.add_argument("--clients", type=int, default=32)
parser.add_argument("--seconds", type=float, default=60)
parser.add_argument("--path", default="/v1/faces")
parser.add_argument("--field", action="append", default=[], help="NAME=VALUE, more fields of the form")
parser.add_argument("--pid", type=int)
given = parser.parse_args()

host = urllib.parse.urlsplit(given.url).netloc
parts = [f'--x\r\ncontent-disposition: form-data; name="{name}"\r\n\r\n{value}\r\n'.encode()
         for name, value in (field.split("=", 1) for field in given.field)]
head = b'--x\r\ncontent-disposition: form-data; name="image"; filename="p"\r\n\r\n'
body = b"".join(parts) + head + pathlib.Path(given.photo).read_bytes() + b"\r\n--x--\r\n"
headers = {"content-type": "multipart/form-data; boundary=x"}
answers, times, errors = collections.Counter(), [], []
lock = threading.Lock()


def memory():
    if not given.pid:
        return None
    status = pathlib.Path(f"/proc/{given.pid}/status").read_text()
    return int(status.split("VmRSS:")[1].split()[0]) * 1024 / 1e6


def client(end):
    connection = http.client.HTTPConnection(host, timeout=120)
    while time.monotonic() < end:
        start = time.monotonic()
        try:
            connection.request("POST", given.path, body, headers)
            response = connection.getresponse()
            response.read()
        except (OSError, http.client.HTTPException) as error:
            # A refusal may come before the photograph is sent; the connection is closed then.
            with lock:
                errors.append(repr(error))
            connection.close()
            continue
        with lock:
            answers[response.status] += 1
            if response.status == 200 and time.monotonic() <= end:
                times.append(1e3 * (time.monotonic() - start))
        if response.status == 503:
            time.sleep(float(response.headers["retry-after"] or 1))


memories = [memory()]
end = time.monotonic() + given.seconds
threads = [threading.Thread(target=client, args=(end,)) for _ in range(given.clients)]
for thread in threads:
    thread.start()
time.sleep(given.seconds / 2)
memories.append(memory())
for thread in threads:
    thread.join()
memories.append(memory())
times.sort()
at = lambda share: times[min(int(share * len(times)), len(times) - 1)] if times else float("nan")
print(f"{given.clients} clients, {given.seconds:.0f} s, {given.path}: {dict(answers)}")
print(f"answered {len(times) / given.seconds:.1f} a second; p50 {at(0.5):.0f} ms, p95 {at(0.95):.0f} ms, p99 {at(0.99):.0f} ms")
if given.pid:
    print("memory before, halfway, after: " + ", ".join(f"{value:.0f} MB" for value in memories))
if errors:
    print(f"{len(errors)} connections broken, such as {collections.Counter(errors).most_common(3)}")
