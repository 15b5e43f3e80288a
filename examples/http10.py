"""HTTP/1.0, one answer per connection. A too large upload is refused before its end, and the refusal arrives whole.

python examples/http10.py [port]        then: curl -i http://127.0.0.1:8080/ --data hello
"""

import re
import sys
from http import HTTPStatus

from reactor import Connection, serve

LONGEST_HEAD, LARGEST_BODY = 8192, 10_000_000  # bytes


def hear(conn: Connection, data: bytes) -> None:
    seen = conn.context = ((conn.context or b"") + data)[:LONGEST_HEAD]  # the body is only counted
    head, blank, _ = seen.partition(b"\r\n\r\n")
    if not blank and len(seen) < LONGEST_HEAD:
        return
    request = re.match(rb"(GET|HEAD|POST|PUT) (/\S*) HTTP/1\.\d(?:\r\n|$)", head)
    length = re.search(rb"(?i)\r\ncontent-length:[ \t]*(\d{1,15})[ \t]*(?:\r\n|$)", head)
    size, upload = int(length[1]) if length else 0, request and request[1] in (b"POST", b"PUT")
    path = request[2].decode(errors="replace") if request else "your request"
    bad = not blank or not request or (upload and not length)
    status = HTTPStatus(400 if bad else 413 if size > LARGEST_BODY else 200 if upload or path == "/" else 404)
    if status == HTTPStatus.OK and conn.bytes_read < len(head + blank) + size:
        return
    page = f"{path} with {size} bytes: {status.phrase}\n".encode()
    top = f"HTTP/1.0 {status.value} {status.phrase}\r\nContent-Type: text/plain\r\nContent-Length: {len(page)}\r\n\r\n"
    conn.write(top.encode() + (b"" if seen.startswith(b"HEAD ") else page))
    conn.destroy_soon()  # drops what a refused client still sends, so no reset destroys the page


def main(port: int = 8080) -> None:
    host = "127.0.0.1"
    serve(lambda conn: conn.on("data", hear), host, port, on_server=lambda s: s.on("listening", print), idle_timeout=30)


if __name__ == "__main__":
    main(*map(int, sys.argv[1:]))
