"""A real HTTP server that fails in every way, and keeps what it was asked for."""

import http.server
import re
import threading

PROBE = "bytes=0-0"
"""The range by which a client finds out whether ranges are served."""


class FileServer:
    """Serves its content, each request by the next behaviour that is planned for it, then well.

    A behaviour is a word and perhaps a value, such as "cut 1000". `probes` are for requests of the first byte alone,
    `faults` for those from one byte on, `script` for the others.
    """

    def __init__(self, content):
        self.content, self.tag = content, None
        self.script, self.probes, self.faults = [], [], {}
        self.ranges, self.paths = [], []
        self.over, self.meeting = threading.Event(), threading.Barrier(1)
        server = self

        class Handler(http.server.BaseHTTPRequestHandler):
            def do_GET(self):
                server.ranges.append(self.headers.get("Range"))
                server.paths.append(self.path)
                name, _, number = server.behaviour(self.headers.get("Range")).partition(" ")
                server.answer(self, name, number)

            def log_message(self, *_):
                pass

        self.http = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.http.daemon_threads = True
        self.url = f"http://127.0.0.1:{self.http.server_port}/speech.tar.bz2"
        threading.Thread(target=self.http.serve_forever, args=(0.01,), daemon=True).start()

    def behaviour(self, asked):
        if asked == PROBE:
            return self.probes.pop(0) if self.probes else "serve"
        faults = self.faults.get(span(asked)[0])
        if faults:
            return faults.pop(0)
        return self.script.pop(0) if self.script else "serve"

    def answer(self, handler, name, number):
        if name == "status":
            self.head(handler, int(number))
        elif name == "later":
            self.head(handler, 429, ("Retry-After", number))
        elif name == "redirect":
            self.head(handler, 302, ("Location", number))
        else:
            self.prepare(name)
            self.serve(handler, name, int(number or 0))

    def prepare(self, name):
        if name == "change":
            self.content, self.tag = bytes(reversed(self.content)), f'"{len(self.ranges)}"'
        if name == "meet":
            self.meeting.wait(5)

    def serve(self, handler, name, number):
        asked = handler.headers.get("Range")
        if name == "ignore_range" or handler.headers.get("If-Range") not in (None, self.tag):
            asked = None
        start, stop = span(asked)
        if asked and start >= len(self.content):
            return self.head(handler, 416)
        body = self.content[start:stop]
        if name == "less":
            body = body[:number]
        self.send(handler, name, body, start if asked else None)
        handler.wfile.write(body[:number] if name in ("cut", "stall") else body)
        if name == "stall":
            handler.wfile.flush()
            self.over.wait(60)
        return None

    def send(self, handler, name, body, start):
        handler.send_response(200 if start is None else 206)
        if name != "unstated_length":
            handler.send_header("Content-Length", str(len(body)))
        if self.tag:
            handler.send_header("ETag", self.tag)
        if start is not None:
            told = start + 1 if name == "other_part" else start
            total = "*" if name == "unstated_length" else len(self.content)
            handler.send_header("Content-Range", f"bytes {told}-{start + len(body) - 1}/{total}")
        handler.end_headers()

    def head(self, handler, status, *headers):
        handler.send_response(status)
        for name, value in (*headers, ("Content-Length", "0")):
            handler.send_header(name, value)
        handler.end_headers()

    def close(self):
        self.over.set()
        self.meeting.abort()
        self.http.shutdown()
        self.http.server_close()


def span(asked):
    """First byte and stop of a Range header."""
    found = re.fullmatch(r"bytes=(\d+)-(\d*)", asked or "bytes=0-")
    return int(found[1]), int(found[2]) + 1 if found[2] else None
