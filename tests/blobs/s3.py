"""As much of S3's protocol as a store of blobs needs, in memory, on a port of its own."""

import hashlib
import re
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from email.utils import formatdate
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, unquote, urlsplit


class Bucket(ThreadingHTTPServer):
    """Keeps objects and uploads under way; `url` is the endpoint."""

    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.objects: dict[str, bytes] = {}
        self.uploads: dict[str, dict[int, bytes]] = {}
        self.failing = False
        self.url = f"http://127.0.0.1:{self.server_address[1]}"


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: Bucket

    def log_message(self, format: str, *args: Any) -> None:
        """Say nothing: pytest shows what failed."""

    def do_PUT(self) -> None:
        key, query = self._target()
        body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        if source := self.headers.get("x-amz-copy-source"):
            original = self.server.objects.get(unquote(source).lstrip("/").partition("/")[2])
            if original is None:
                return self._say(404)
            self.server.objects[key] = original
            return self._say(200, b"<CopyObjectResult><ETag>x</ETag></CopyObjectResult>")
        if "partNumber" in query:
            self.server.uploads[query["uploadId"][0]][int(query["partNumber"][0])] = body
        else:
            self.server.objects[key] = body
        return self._say(200, etag=body)

    def do_POST(self) -> None:
        key, query = self._target()
        body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        if "delete" in query:
            keys = re.findall(r"<Key>(.*?)</Key>", body.decode())
            for found in keys:
                self.server.objects.pop(found, None)
            deleted = "".join(f"<Deleted><Key>{found}</Key></Deleted>" for found in keys)
            return self._say(200, f"<DeleteResult>{deleted}</DeleteResult>".encode())
        if "uploads" in query:
            upload = str(len(self.server.uploads))
            self.server.uploads[upload] = {}
            answer = f"<InitiateMultipartUploadResult><UploadId>{upload}</UploadId>"
            return self._say(200, (answer + "</InitiateMultipartUploadResult>").encode())
        parts = self.server.uploads.pop(query["uploadId"][0])
        self.server.objects[key] = b"".join(parts[number] for number in sorted(parts))
        answer = "<CompleteMultipartUploadResult><ETag>x</ETag></CompleteMultipartUploadResult>"
        return self._say(200, answer.encode())

    def do_GET(self) -> None:
        key, query = self._target()
        if "list-type" in query:
            return self._say(200, self._listing(query.get("prefix", [""])[0]))
        content = self.server.objects.get(key)
        if content is None:
            return self._say(404)
        found = re.fullmatch(r"bytes=(\d+)-(\d+)", self.headers.get("Range", ""))
        part = content[int(found[1]) : int(found[2]) + 1] if found else content
        return self._say(206 if found else 200, part, etag=content)

    def do_HEAD(self) -> None:
        self.do_GET()

    def do_DELETE(self) -> None:
        key, query = self._target()
        if "uploadId" in query:
            self.server.uploads.pop(query["uploadId"][0], None)
        else:
            self.server.objects.pop(key, None)
        return self._say(204)

    def _target(self) -> tuple[str, dict[str, list[str]]]:
        parts = urlsplit(self.path)
        key = unquote(parts.path).lstrip("/").partition("/")[2]
        return key, parse_qs(parts.query, keep_blank_values=True)

    def _listing(self, prefix: str) -> bytes:
        entries = "".join(
            f"<Contents><Key>{key}</Key><Size>{len(content)}</Size><ETag>x</ETag>"
            "<LastModified>2026-01-05T08:00:00.000Z</LastModified></Contents>"
            for key, content in self.server.objects.items()
            if key.startswith(prefix)
        )
        answer = f"<ListBucketResult><IsTruncated>false</IsTruncated>{entries}"
        return (answer + "</ListBucketResult>").encode()

    def _say(self, status: int, body: bytes = b"", *, etag: bytes | None = None) -> None:
        if self.server.failing:
            status, body = 403, b""
        self.send_response(status)
        if etag is not None:
            self.send_header("ETag", f'"{hashlib.md5(etag, usedforsecurity=False).hexdigest()}"')
            self.send_header("Last-Modified", formatdate(0, usegmt=True))
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body)


@contextmanager
def a_bucket() -> Iterator[Bucket]:
    with Bucket() as bucket:
        thread = threading.Thread(target=bucket.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        try:
            yield bucket
        finally:
            bucket.shutdown()
            thread.join()
