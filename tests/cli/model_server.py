"""A server of models on loopback that can be told to misbehave."""

import contextlib
import re
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

PATIENCE_S = 60.0


class ModelServer:
    """Answers each request with the next of its behaviours, and with the last one from then on."""

    def __init__(self, files):
        self.files = files
        """Bytes by path, such as `/model.onnx`."""
        self.etag = '"v1"'
        self.requests = []
        """What was asked for: path, and the headers by their lower-case names."""
        self.tunnels = []
        """Hosts to which it was asked to be a proxy."""
        self.behaviours = [well]
        self.released = threading.Event()
        """Set when those who stall shall end."""
        server = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_GET(self):
                server.requests.append((self.path, {name.lower(): value for name, value in self.headers.items()}))
                behave = server.behaviours[0] if len(server.behaviours) == 1 else server.behaviours.pop(0)
                with contextlib.suppress(ConnectionError):
                    behave(self, server)

            def do_CONNECT(self):
                """As a proxy: what follows on this connection is for the host that was asked for."""
                server.tunnels.append(self.path)
                self.send_response(200)
                self.end_headers()

            def log_message(self, *args):
                pass

        self.http = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.http.daemon_threads = True
        self.url = f"http://127.0.0.1:{self.http.server_port}"
        threading.Thread(target=self.http.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True).start()

    def ranges(self):
        """The `Range` of each request, None where there was none."""
        return [headers.get("range") for _, headers in self.requests]

    def close(self):
        self.released.set()
        self.http.shutdown()
        self.http.server_close()


def send(handler, status, body=b"", length=None, **headers):
    """A head with its Content-Length and a body; where it has another length, the connection ends with it."""
    length = len(body) if length is None else length
    handler.send_response(status)
    handler.send_header("Content-Length", str(length))
    for name, value in headers.items():
        handler.send_header(name.replace("_", "-"), value)
    handler.end_headers()
    handler.wfile.write(body)
    handler.wfile.flush()
    handler.close_connection = len(body) != length


def answer(handler, server, cut=None):
    """What RFC 9110 says, with ranges; `cut` is where the body ends early."""
    body = server.files.get(handler.path)
    if body is None:
        return send(handler, 404)
    headers = {"ETag": server.etag} if server.etag else {}
    asked = re.fullmatch(r"bytes=(\d+)-", handler.headers.get("Range", ""))
    is_same = handler.headers.get("If-Range") in (None, server.etag)
    if not asked or not is_same:
        return send(handler, 200, body[:cut], len(body), **headers)
    first = int(asked[1])
    if first >= len(body):
        return send(handler, 416, Content_Range=f"bytes */{len(body)}")
    whole = f"bytes {first}-{len(body) - 1}/{len(body)}"
    rest = body[first:]
    return send(handler, 206, rest[:cut], len(rest), Content_Range=whole, **headers)


def well(handler, server):
    answer(handler, server)


def drops_after(count):
    return lambda handler, server: answer(handler, server, cut=count)


def stalls_after(count):
    """Sends so many bytes and then nothing, until it is released."""

    def behave(handler, server):
        answer(handler, server, cut=count)
        server.released.wait(PATIENCE_S)

    return behave


def is_silent(handler, server):
    server.released.wait(PATIENCE_S)


def ignores_ranges(handler, server):
    send(handler, 200, server.files[handler.path], ETag=server.etag)


def gives_another_range(handler, server):
    """The whole file as if it were the rest."""
    body = server.files[handler.path]
    send(handler, 206, body, Content_Range=f"bytes 0-{len(body) - 1}/{len(body)}", ETag=server.etag)


def says_length(length):
    """The right body under a wrong Content-Length."""
    return lambda handler, server: send(handler, 200, server.files[handler.path], length)


def sends(body):
    return lambda handler, server: send(handler, 200, body)


def fails(status, **headers):
    return lambda handler, server: send(handler, status, **headers)


def redirects(location):
    return fails(302, Location=location)


def sends_chunks(body):
    """Without a length."""

    def behave(handler, server):
        handler.send_response(200)
        handler.send_header("Transfer-Encoding", "chunked")
        handler.end_headers()
        for at in range(0, len(body), 1000):
            piece = body[at : at + 1000]
            handler.wfile.write(f"{len(piece):x}\r\n".encode() + piece + b"\r\n")
        handler.wfile.write(b"0\r\n\r\n")

    return behave


def sends_until_it_closes(body):
    """Without a length and without chunks."""

    def behave(handler, server):
        handler.send_response(200)
        handler.send_header("Connection", "close")
        handler.end_headers()
        handler.wfile.write(body)
        handler.close_connection = True

    return behave
